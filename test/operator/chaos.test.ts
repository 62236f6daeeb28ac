/** Whatever happens to machines in between: what nodes hold in the end is what the objects say. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TorwachtDocument } from '#api/documents.ts';
import {
  clusterEgressPolicies,
  egressPolicies,
  policyBundles,
  runnerBindings,
} from '#operator/resources.ts';
import { compile } from '#policy/compile.ts';
import { judgeName } from '#policy/judge-name.ts';
import type { Identity } from '#policy/types.ts';
import { ROOT } from '../cluster/names.ts';
import {
  change,
  insist,
  misfortunes,
  type Replicas,
  randomFrom,
  shuffled,
  spaces,
} from './chaos.ts';
import { lastFirst, useCluster } from './cluster.ts';
import { expectedDigests, heldDigests } from './expected.ts';
import { Fleet } from './fleet.ts';
import { installRights } from './replicas.ts';
import { eventually } from './wait.ts';

const CHANGES = Number(process.env.TORWACHT_CHANGES ?? 60);
const SEED = Number(process.env.TORWACHT_SEED ?? Date.now() % 1_000_000);

const ending = lastFirst({ after });
const { api, client, write } = await useCluster(ending);
await installRights(api);
const account = api.kubeconfigFor(await api.serviceAccount('torwacht', 'torwacht-operator'));

const identities: readonly Identity[] = spaces.flatMap((namespace) => [
  { namespace },
  { namespace, project: '7' },
]);

class Processes implements Replicas {
  readonly #running: ChildProcess[] = [];

  start(): void {
    const program = join(ROOT, 'test/operator/fixtures/replica.ts');
    this.#running.push(spawn(process.execPath, [program, account], { stdio: 'inherit' }));
  }

  #one(random: () => number): ChildProcess {
    const [child] = this.#running.splice(Math.floor(random() * this.#running.length), 1);
    assert.ok(child);
    return child;
  }

  replace(random: () => number): void {
    this.#one(random).kill('SIGKILL');
    this.start();
  }

  async pause(random: () => number): Promise<void> {
    const child = this.#one(random);
    child.kill('SIGSTOP');
    await sleep(4000);
    child.kill('SIGCONT');
    this.#running.push(child);
  }

  async stop(): Promise<void> {
    for (const child of this.#running) {
      assert.equal(child.exitCode, null, 'no replica ended by itself');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
}

/** Nobody changes the policy that forbids this, so no node may ever hold anything that allows it. */
let looser = 0;
/** The control: what the same policies do allow. */
let opened = 0;
let looked = 0;
function never(documents: readonly TorwachtDocument[]): void {
  const isBundleOfRunners = documents.some(
    ({ kind, metadata }) => kind === 'RunnerBinding' && metadata.name === 'runners',
  );
  if (!isBundleOfRunners) return;
  for (const namespace of spaces) {
    looked += 1;
    const policy = compile(documents, { namespace });
    if (judgeName(policy, 'forbidden.open.test').allowed) looser += 1;
    if (judgeName(policy, 'another.open.test').allowed) opened += 1;
  }
}

test(`${CHANGES} changes while machines fail, seed ${SEED}`, async (t) => {
  const random = randomFrom(SEED);
  for (const name of spaces) await write.namespace(name, { team: 'blue' });
  await write.cluster('final', { deny: [{ fqdn: ['forbidden.open.test'] }] });
  await write.policy('docs/all', { allow: [{ fqdn: ['**.open.test'] }] });
  await write.binding('ci/runners', { selector: { namespaces: [...spaces] } });
  for (let node = 1; node <= 5; node++) await write.node(`n${node}`);
  const fleet = new Fleet(client, { holds: (_, documents) => never(documents) });
  ending.after(() => fleet.stop());
  const processes = new Processes();
  ending.after(() => processes.stop());
  processes.start();
  processes.start();
  // Before any change: later ones may close it for good, so chance would decide whether it is ever seen.
  await eventually('some node holds what opens the name of the control', () => opened > 0, 60);

  const happened: string[] = [];
  let busy = true;
  const failing = (async () => {
    do {
      for (const name of shuffled(random)) {
        await sleep(1500 * random());
        await misfortunes[name]?.(api, processes, random);
        happened.push(name);
      }
    } while (busy);
  })();
  // Changes go on until everything has happened at least once.
  const over = failing.then(() => 'over');
  for (let index = 0; ; index++) {
    await change(write, random);
    if (index >= CHANGES) busy = false;
    if ((await Promise.race([over, sleep(200 * random())])) === 'over') break;
  }

  const expected = await insist(() => expectedDigests(client, identities));
  await eventually(
    'all nodes hold what the objects say',
    () =>
      fleet.held.size === 5 &&
      [...fleet.held.keys()].every(
        (node) => `${heldDigests(fleet, node, identities)}` === `${expected}`,
      ),
    120,
  );
  await eventually(
    'every status speaks of the last generation, and says that it is in force',
    async () => {
      const lists = [
        client.list(egressPolicies),
        client.list(clusterEgressPolicies),
        client.list(runnerBindings),
      ];
      const items = (await Promise.all(lists)).flatMap(
        (
          list,
        ): readonly {
          metadata: { generation: number };
          status?: {
            conditions?:
              | { type: string; status: string; observedGeneration?: number | undefined }[]
              | undefined;
          };
        }[] => list.items,
      );
      return items.every(({ metadata, status }) => {
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        return ready?.status === 'True' && ready.observedGeneration === metadata.generation;
      });
    },
    120,
  );
  await eventually('no piece is left that no head names', async () => {
    const { items } = await client.list(policyBundles);
    const named = new Set(items.flatMap(({ spec }) => spec.head?.pieces ?? []));
    return items.every(({ metadata, spec }) => spec.head !== undefined || named.has(metadata.name));
  });
  assert.equal(looser, 0, 'some node held what allows a forbidden name');
  t.diagnostic(
    `${happened.join(', ')}; ${fleet.reports} reports of nodes, ${looked} bundles looked at`,
  );
});
