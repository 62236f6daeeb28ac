/**
 * Ground for attempts of test/bypass: a pod that no binding governs, and one that is held. What is `opened` is
 * what a pod may ask for and a job should not get: `privileged`, `hostNetwork`, or
 * names of capabilities.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { count, type Ground, type HeldOptions } from '../bypass/ground.ts';
import { bypassProbe, outcomes } from '../bypass/run-ground.ts';
import type { Attempt, Furniture } from '../bypass/technique.ts';
import type { EndedPod } from '../cluster/pods.ts';
import { waitFor } from '../cluster/wait.ts';
import type { Cleanup } from './agent.ts';
import { barrier } from './job.ts';
import { good, type Scene } from './scene.ts';

export async function podGround(
  cleanup: Cleanup,
  scene: Scene,
  attempts: readonly Attempt[],
  furniture: Furniture = {},
): Promise<Ground> {
  const { cluster, internet, agent } = scene;
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-probe-'));
  cleanup.after(async () => rmSync(folder, { recursive: true, force: true }));
  copyFileSync(bypassProbe('-static'), join(folder, 'probe'));
  const image = await cluster.image('debian');
  for (const attempt of attempts) {
    if ('witness' in attempt && 'packets' in attempt.witness) {
      internet.addAddress(attempt.witness.packets);
    }
  }
  const run = (namespace: string, steps: readonly string[], options: HeldOptions, init: object[]) =>
    cluster.runPod(namespace, {
      image,
      init,
      // Something allowed first: then the gateway's hardware address is known.
      command: [
        'bash',
        '-c',
        `: > /dev/tcp/${good.name}/${good.port}; exec /probe/probe "$@"`,
        'probe',
        ...steps,
      ],
      container: {
        securityContext: rights(options.opened ?? []),
        volumeMounts: [{ name: 'probe', mountPath: '/probe', readOnly: true }],
      },
      spec: {
        volumes: [{ name: 'probe', hostPath: { path: folder } }],
        hostNetwork: options.opened?.includes('hostNetwork') === true,
      },
    });
  const rows = async ({ name }: EndedPod) => {
    let known = -1;
    await waitFor('no more rows come', () => {
      const before = known;
      known = agent.rows(name).length;
      return known === before;
    });
    return agent.rows(name);
  };
  return {
    free: async (steps, options = {}) => outcomes((await run(scene.free, steps, options, [])).log),
    held: async (steps, options = {}) => {
      const pod = await run(scene.held, steps, options, [barrier()]);
      return { outcomes: outcomes(pod.log), events: await rows(pod), said: pod.log };
    },
    seen: (witnesses) => {
      const arrivals = internet.arrivals();
      return witnesses.map((witness) => count(witness, arrivals, furniture));
    },
  };
}

function rights(opened: readonly string[]): object {
  if (opened.includes('privileged')) return { privileged: true };
  return { capabilities: { add: opened.filter((right) => right !== 'hostNetwork') } };
}
