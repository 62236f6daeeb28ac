/** The Secret in which the certificates are kept. It is the truth: a replica keeps nothing of its own. */
import { resource } from '../client/resource.ts';
import type { Client } from '../client/types.ts';
import { isKubeError } from '../errors.ts';
import type { KubeObject } from '../objects/types.ts';
import { bundleOf, type Held } from './plan.ts';

export interface Secret extends KubeObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export const secrets = resource<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
});

export interface Place {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotation that says since when an authority is announced. */
  readonly since: string;
}

/** What is held, and the version that a change of it builds on; null where there is no Secret yet. */
export interface Kept {
  readonly held: Held | null;
  readonly version: string | null;
}

export async function readSecret(client: Client, place: Place): Promise<Kept> {
  try {
    const secret = await client.get(secrets, place);
    return { held: decode(secret, place), version: secret.metadata.resourceVersion ?? null };
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return { held: null, version: null };
    throw error;
  }
}

/** False where another replica was faster. */
export async function writeSecret(
  client: Client,
  place: Place,
  held: Held,
  version: string | null,
): Promise<boolean> {
  const secret = encode(place, held);
  try {
    if (version === null) await client.create(secrets, secret);
    else {
      const metadata = { ...secret.metadata, resourceVersion: version };
      await client.update(secrets, { ...secret, metadata });
    }
    return true;
  } catch (error) {
    if (isKubeError(error, 'KUBE_CONFLICT', 'KUBE_ALREADY_EXISTS', 'KUBE_NOT_FOUND')) return false;
    throw error;
  }
}

function encode({ namespace, name, labels = {}, since }: Place, held: Held): Secret {
  const { signer, next, leaf } = held;
  const texts: Record<string, string> = {
    'ca.crt': bundleOf(held),
    'signer.crt': signer.certificate,
    'signer.key': signer.key,
    'tls.crt': leaf.certificate,
    'tls.key': leaf.key,
    ...(next === null ? {} : { 'next.crt': next.certificate, 'next.key': next.key }),
  };
  const data = Object.entries(texts).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ]);
  return {
    metadata: {
      ...{ namespace, name, labels },
      ...(next === null ? {} : { annotations: { [since]: new Date(next.since).toISOString() } }),
    },
    type: 'kubernetes.io/tls',
    data: Object.fromEntries(data),
  };
}

/** Null where something is missing; whether the rest makes sense is for the plan to say. */
export function decode({ metadata, data = {} }: Secret, place: Pick<Place, 'since'>): Held | null {
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
  const pair = (name: string) => ({ certificate: text(`${name}.crt`), key: text(`${name}.key`) });
  const trusted =
    text('ca.crt').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const [signer, leaf, next] = [pair('signer'), pair('tls'), pair('next')];
  if (signer.certificate === '' || leaf.certificate === '' || trusted.length === 0) return null;
  const since = Date.parse(metadata.annotations?.[place.since] ?? '') || 0;
  return { trusted, signer, leaf, next: next.certificate === '' ? null : { ...next, since } };
}
