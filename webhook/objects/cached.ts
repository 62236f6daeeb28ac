/** The bindings of a cluster, as a cache has them. */
import type { RunnerBinding } from '#api/runner-binding.ts';
import { group, version } from '#api/version.ts';
import {
  type Client,
  type KubeObject,
  resource,
  type WatchedCache,
  watchCache,
} from '#kube/index.ts';
import { checkDocument } from '#policy/check-document.ts';
import { namespaceOf } from '#policy/title.ts';
import type { World } from './world.ts';

/** Raw, or what became of it: null where it is none that this version understands. */
interface Stored extends KubeObject {
  readonly binding: RunnerBinding | null;
}

const runnerBindings = resource<Stored>({
  group,
  version,
  kind: 'RunnerBinding',
  plural: 'runnerbindings',
  namespaced: true,
});

export interface CachedWorld extends World {
  readonly cache: WatchedCache<Stored>;
}

export function cachedWorld(client: Client): CachedWorld {
  const cache = watchCache(client, runnerBindings, {
    transform: readOnce,
    indexes: { namespace: namespacesOf },
  });
  const found = (stored: Iterable<Stored>) =>
    [...stored].flatMap(({ binding }) => (binding === null ? [] : [binding]));
  return {
    cache,
    bindings: (namespace) => found(cache.by('namespace', namespace)),
    all: () => found(cache.list()),
  };
}

/** Each object is checked when it comes, and not with each pod. */
function readOnce(stored: Stored): Stored {
  const { document } = checkDocument(stored);
  const binding = document?.kind === 'RunnerBinding' ? document : null;
  return { metadata: stored.metadata, binding };
}

/** One that is not understood is about no namespace: where it was the only one, nothing is let in. */
function namespacesOf({ binding }: Stored): readonly string[] {
  return binding === null ? [] : (binding.spec.selector?.namespaces ?? [namespaceOf(binding)]);
}
