/** Random changes by people, and random misfortunes of machines; one seed gives the same ones again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isKubeError } from '#kube/index.ts';
import { clusterEgressPolicies, egressPolicies, runnerBindings } from '#operator/resources.ts';
import type { ApiServer } from '../apiserver/server.ts';
import type { Writing } from './writing.ts';

/** @returns numbers of 0 to below 1 (mulberry32) */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Until the API server takes it. */
export async function insist<T>(work: () => Promise<T>): Promise<T | undefined> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
      const passes =
        isKubeError(error) &&
        !isKubeError(error, 'KUBE_INVALID', 'KUBE_BAD_REQUEST', 'KUBE_FORBIDDEN');
      if (!passes) throw error;
      await sleep(100);
    }
  }
}

export const spaces = ['ci', 'web', 'docs'] as const;

/** One change, as random says. None of them makes an object that is not sound. */
export function change(write: Writing, random: () => number): Promise<unknown> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const host = (): string => `${pick(['a', 'b', 'c', 'd'])}.${pick(['corp', 'open'])}.test`;
  const allow = () => [
    { fqdn: [host(), `*.${host()}`], ports: [{ port: 1 + Math.floor(random() * 3) }] },
  ];
  const path = `${pick(spaces)}/p${Math.floor(random() * 6)}`;
  const selector = random() < 0.3 ? { selector: { projects: ['7'] } } : {};
  const works: readonly (readonly [share: number, work: () => Promise<unknown>])[] = [
    [
      8,
      () => write.policy(path, { ...selector, allow: allow(), presets: [pick(['npm', 'pypi'])] }),
    ],
    [2, () => write.policy(path, { allow: allow(), deny: [{ fqdn: [host()] }] })],
    [3, () => write.remove(egressPolicies, path)],
    [1, () => write.namespace(pick(spaces), { team: pick(['blue', 'red']) })],
    [
      1,
      () =>
        write.cluster('team', {
          namespaceSelector: { matchLabels: { team: pick(['blue', 'red']) } },
          ceiling: {
            presets: ['npm'],
            allow: [{ fqdn: ['**.corp.test'], ports: [{ port: 1, endPort: 2 }] }],
          },
        }),
    ],
    [1, () => write.remove(clusterEgressPolicies, 'team')],
    [
      1,
      () =>
        write.binding('ci/runners', {
          mode: pick(['Block', 'Observe']),
          selector: { namespaces: [...spaces] },
        }),
    ],
    [1, () => write.binding('web/more', { gitlab: { url: `https://${host()}`, private: true } })],
    [1, () => write.remove(runnerBindings, 'web/more')],
  ];
  let at = random() * works.reduce((sum, [share]) => sum + share, 0);
  for (const [share, work] of works) {
    at -= share;
    if (at < 0) return insist(work);
  }
  return Promise.resolve();
}

export interface Replicas {
  /** Ends one by SIGKILL and starts another in its place. */
  replace(random: () => number): void;
  /** Stops one for longer than its Lease lasts; it goes on as if nothing had been. */
  pause(random: () => number): Promise<void>;
}

type Misfortune = (
  api: Pick<ApiServer, 'server' | 'etcd'>,
  replicas: Replicas,
  random: () => number,
) => Promise<void>;

/** Each resolves when the machines are up again. */
export const misfortunes: Readonly<Record<string, Misfortune>> = {
  'operator killed': async (_, replicas, random) => replicas.replace(random),
  'operator killed again': async (_, replicas, random) => replicas.replace(random),
  'operator paused': (_, replicas, random) => replicas.pause(random),
  'API server killed': async ({ server }, _, random) => {
    await server.kill();
    await sleep(300 * random());
    await server.start();
  },
  'API server paused': async ({ server }, _, random) => {
    server.pause();
    await sleep(1000 + 2000 * random());
    server.resume();
  },
  'etcd killed': async ({ etcd }, _, random) => {
    await etcd.kill();
    await sleep(300 * random());
    await etcd.start();
  },
};

/** All of them, in an order that random says. */
export function shuffled(random: () => number): readonly string[] {
  const keyed = Object.keys(misfortunes).map((name) => ({ name, at: random() }));
  return keyed.sort((a, b) => a.at - b.at).map(({ name }) => name);
}
