/**
 * How agents find the intake and whom they trust: a ConfigMap that is mounted into their pods. They are in the network
 * of their node and ask its DNS servers, which know no Service: so it holds the Service's address too.
 */
import type { Trust } from '#kube/certificates/keeper.ts';
import { type Client, isKubeError, type KubeObject, resource } from '#kube/index.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface Service extends KubeObject {
  readonly spec?: {
    readonly clusterIP?: string;
    readonly ports?: readonly { readonly name?: string; readonly port: number }[];
  };
}

const core = (kind: string, plural: string) =>
  ({ group: '', version: 'v1', kind, plural, namespaced: true }) as const;
export const configMaps = resource<ConfigMap>(core('ConfigMap', 'configmaps'));
export const services = resource<Service>(core('Service', 'services'));

/** Name of the Service's port. */
const PORT = 'intake';

export interface IntakePlace {
  readonly namespace: string;
  /** Of the Service. */
  readonly service: string;
}

export const intakeNames = {
  /** Of the ConfigMap. */
  trust: ({ service }: IntakePlace): string => `${service}-intake`,
  /** Of the Secret with the certificates. */
  secret: ({ service }: IntakePlace): string => `${service}-certificates`,
  /** What the server's certificate says. */
  server: ({ namespace, service }: IntakePlace): string => `${service}.${namespace}.svc`,
};

export function intakeTrust(place: IntakePlace): Trust {
  const { namespace, service } = place;
  const name = intakeNames.trust(place);
  const one = (of: string) => ({ namespace, fieldSelector: `metadata.name=${of}` });
  const wanted = async (client: Client, bundle: string) => ({
    'ca.crt': bundle,
    'server-name': intakeNames.server(place),
    ...(await addressOf(client, place)),
  });
  const current = async (client: Client) =>
    (await getOrNone(client, configMaps, { namespace, name }))?.data ?? {};
  return {
    watched: [
      { of: configMaps, selectors: one(name) },
      { of: services, selectors: one(service) },
    ],
    async isPublished(client, bundle) {
      return same(await current(client), await wanted(client, bundle));
    },
    async publish(client, bundle) {
      const data = await wanted(client, bundle);
      if (same(await current(client), data)) return;
      const labels = { 'app.kubernetes.io/part-of': 'torwacht' };
      await client.apply(
        configMaps,
        { metadata: { namespace, name, labels }, data },
        { force: true },
      );
    },
  };
}

/** Nothing while there is no Service: agents wait. */
async function addressOf(
  client: Client,
  { namespace, service }: IntakePlace,
): Promise<{ readonly address?: string }> {
  const { spec } = (await getOrNone(client, services, { namespace, name: service })) ?? {};
  const { clusterIP = 'None', ports = [] } = spec ?? {};
  const port = ports.find((one) => one.name === PORT)?.port;
  if (port === undefined || clusterIP === 'None' || clusterIP === '') return {};
  return { address: `${clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP}:${port}` };
}

async function getOrNone<T extends KubeObject>(
  client: Client,
  of: Parameters<typeof client.get<T>>[0],
  at: { readonly namespace: string; readonly name: string },
): Promise<T | undefined> {
  try {
    return await client.get(of, at);
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
    throw error;
  }
}

function same(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>) {
  const text = (of: object) => JSON.stringify(Object.entries(of).sort());
  return text(one) === text(other);
}
