/** Names and forms of the objects that make up a bundle in the API. */
import { createHash } from 'node:crypto';
import { type BundleHead, headLabel, maxBrought, maxBroughtContent } from '#api/policy-bundle.ts';
import type { StoredPolicyBundle } from '#api/stored.ts';
import { type Key, placeOf } from '#kube/index.ts';
import { pack } from '#policy/bundle/packed.ts';
import type { Piece } from '#policy/bundle/split.ts';
import type { Bundle } from '../bundles/build.ts';

/** Names of objects have at most 253 characters. */
const LONGEST = 253;

/** The same for the same binding. A namespace holds no dot, so no two bindings share one. */
export function headName(binding: Key): string {
  const { namespace = '', name } = placeOf(binding);
  const plain = `${namespace}.${name}`;
  if (plain.length <= LONGEST) return plain;
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 16);
  return `${plain.slice(0, LONGEST - hash.length - 1).replace(/[.-]+$/, '')}-${hash}`;
}

export function headOf(key: Key, bundle: Bundle) {
  const { digest, pieces, documents } = bundle;
  const { namespace = '', name } = placeOf(key);
  const binding = documents.get(`RunnerBinding ${key}`);
  return {
    metadata: { name: headName(key), labels: { [headLabel]: 'true' } },
    spec: {
      head: {
        binding: { namespace, name, generation: binding?.metadata.generation },
        digest,
        pieces: pieces.map((piece) => piece.digest),
        policies: policiesOf(bundle),
      },
    },
  };
}

/** For nodes that take some heads in a row for one, ms. */
const RECENT = 10_000;

/**
 * Pieces that nodes lack that hold the head before, or one of some seconds ago, as many as a head may bring: a
 * node then needs no request to hold an edit.
 *
 * @param named since when the binding's head names a piece, ms
 */
export function broughtWith(
  pieces: readonly Piece[],
  named: ReadonlyMap<string, number>,
  now: number,
): NonNullable<BundleHead['brings']> {
  const since = ({ digest }: Piece): number => named.get(digest) ?? now;
  const recent = pieces.filter((piece) => now - since(piece) <= RECENT);
  const brought: NonNullable<BundleHead['brings']> = [];
  let left = maxBroughtContent;
  // What everybody lacks before what many have already.
  const newest = recent.sort((a, b) => since(b) - since(a)).slice(0, 2 * maxBrought);
  for (const { digest, content } of newest) {
    if (brought.length === maxBrought) break;
    const packed = pack(content);
    if (packed.length > left) continue;
    brought.push({ digest, packed });
    left -= packed.length;
  }
  return brought;
}

/** How many policies it holds. */
export function policiesOf({ documents }: Pick<Bundle, 'documents'>): number {
  return [...documents.values()].filter(({ kind }) => kind !== 'RunnerBinding').length;
}

/** Whose head it is; undefined for a piece. */
export function bindingOfHead({ spec }: Pick<StoredPolicyBundle, 'spec'>): Key | undefined {
  return spec.head && `${spec.head.binding.namespace}/${spec.head.binding.name}`;
}
