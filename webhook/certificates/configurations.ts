/** The webhook configurations, in which API servers read whom to trust. */

import { webhookConfigurations } from '#api/admission.ts';
import type { Trust } from '#kube/certificates/keeper.ts';
import { type Client, isKubeError, type KubeObject, type Resource, resource } from '#kube/index.ts';

interface Configuration extends KubeObject {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly clientConfig: { readonly caBundle?: string };
  }[];
}

const kindOf = (kind: string, plural: string) =>
  resource<Configuration>({
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind,
    plural,
    namespaced: false,
  });
const validating = kindOf('ValidatingWebhookConfiguration', 'validatingwebhookconfigurations');
const mutating = kindOf('MutatingWebhookConfiguration', 'mutatingwebhookconfigurations');

interface Named {
  readonly of: Resource<Configuration>;
  readonly name: string;
}

/** Ours, whether they are there or not. */
export const ours: readonly Named[] = [
  ...webhookConfigurations.validating.map((name) => ({ of: validating, name })),
  ...webhookConfigurations.mutating.map((name) => ({ of: mutating, name })),
];

export const configurationTrust: Trust = {
  watched: ours.map(({ of, name }) => ({
    of,
    selectors: { fieldSelector: `metadata.name=${name}` },
  })),
  async isPublished(client, bundle) {
    const found = await readConfigurations(client);
    return found.every(({ at }) => isPublished(at, bundle));
  },
  async publish(client, bundle) {
    for (const found of await readConfigurations(client)) {
      if (!isPublished(found.at, bundle)) await publish(client, found, bundle);
    }
  },
};

async function readConfigurations(
  client: Client,
): Promise<readonly (Named & { readonly at: Configuration })[]> {
  const found = await Promise.all(
    ours.map(async (named) => {
      try {
        return [{ ...named, at: await client.get(named.of, { name: named.name }) }];
      } catch (error) {
        // A cluster that has its pods judged by policy has no such webhook.
        if (isKubeError(error, 'KUBE_NOT_FOUND')) return [];
        throw error;
      }
    }),
  );
  return found.flat();
}

/** Does every webhook have this bundle already? */
function isPublished(at: Configuration, bundle: string): boolean {
  const wanted = Buffer.from(bundle).toString('base64');
  return (at.webhooks ?? []).every(({ clientConfig }) => clientConfig.caBundle === wanted);
}

/** Of each webhook, `caBundle` is ours and nothing else is: whoever applies the rest meets no conflict. */
async function publish(
  client: Client,
  { of, name, at }: Named & { readonly at: Configuration },
  bundle: string,
): Promise<void> {
  const caBundle = Buffer.from(bundle).toString('base64');
  const webhooks = (at.webhooks ?? []).map((webhook) => ({
    name: webhook.name,
    clientConfig: { caBundle },
  }));
  await client.apply(of, { metadata: { name }, webhooks }, { force: true });
}
