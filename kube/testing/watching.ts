/** A cache against a scripted server, and what it told. */
import type { TestContext } from 'node:test';
import { type WatchedCache, type WatchOptions, watchCache } from '../cache/cache.ts';
import { createClient } from '../client/client.ts';
import { resource } from '../client/resource.ts';
import type { KubeObject } from '../objects/types.ts';
import type { Observation } from '../observe.ts';
import { TestClock } from './clock.ts';
import { EagerClock } from './eager-clock.ts';
import { type Answer, type ScriptedServer, scriptedServer } from './scripted-server.ts';

export interface Pod extends KubeObject {
  readonly spec?: { readonly image?: string };
}

export const pods = resource<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
});

export interface Watching {
  readonly server: ScriptedServer;
  readonly cache: WatchedCache<Pod>;
  /** `+ci/a@1` `~ci/a@2` `-ci/a@2` (as it was last known); with `!` where a list told it. */
  readonly changes: string[];
  readonly observations: Observation[];
  /** Of back-off. */
  readonly clock: EagerClock;
  /** Of the client's deadlines. */
  readonly deadlines: TestClock;
  readonly running: Promise<void>;
  stop(): Promise<void>;
}

export async function watching(
  t: TestContext,
  answers: readonly Answer[],
  options: WatchOptions<Pod> = {},
): Promise<Watching> {
  const server = await scriptedServer();
  server.script(...answers);
  const clock = new EagerClock();
  const deadlines = new TestClock();
  const observations: Observation[] = [];
  const observe = (one: Observation) => observations.push(one);
  const client = createClient(server.connection, { fieldManager: 'test', clock: deadlines });
  const cache = watchCache(client, pods, { clock, observe, ...options });
  const changes: string[] = [];
  cache.subscribe(({ key, object, old, listed }) => {
    const sign = object === undefined ? '-' : old === undefined ? '+' : '~';
    const version = (object ?? old)?.metadata.resourceVersion;
    changes.push(`${sign}${key}@${version}${listed ? '!' : ''}`);
  });
  const stopped = new AbortController();
  const running = cache.run(stopped.signal);
  const stop = async () => {
    stopped.abort();
    await running;
  };
  t.after(async () => {
    await stop();
    client.close();
    await server.close();
  });
  return { server, cache, changes, observations, clock, deadlines, running, stop };
}
