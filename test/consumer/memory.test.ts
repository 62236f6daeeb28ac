/** What 10,000 rules take of an agent's memory: all in the namespace of one pod, and in fifty namespaces. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { type Ground, temporaryFolder, useGrounds } from './ground.ts';
import type { Given } from './publisher.ts';

const groundOf = await useGrounds({ after: (work) => after(work) });
const run = promisify(execFile);
const RULES = 10_000;
const MB = 1e6;

interface Taken {
  readonly before: Sizes;
  readonly held: Sizes;
  readonly compiled: Sizes;
  /** From the first question to the API server. */
  readonly ms: number;
  readonly names: number;
}

interface Sizes {
  readonly rss: number;
  readonly heapUsed: number;
}

const each = 10;
function rules(namespaces: readonly string[]): readonly Given[] {
  return Array.from({ length: RULES / each }, (_, at): Given => {
    const namespace = namespaces[at % namespaces.length];
    const allow = Array.from({ length: each }, (__, n) => ({ fqdn: [`h${n}.p${at}.example`] }));
    return ['EgressPolicy', { name: `p${at}`, namespace, generation: 1 }, { allow }];
  });
}

async function consume(folder: string, ground: Ground, namespace: string): Promise<Taken> {
  const script = join(import.meta.dirname, 'consume.ts');
  const flags = ['--expose-gc', '--max-semi-space-size=2', '--v8-pool-size=1'];
  const { stdout } = await run(
    process.execPath,
    [...flags, script, ground.node, folder, namespace],
    {
      env: { ...process.env, KUBECONFIG: await ground.kubeconfig() },
      timeout: 120_000,
    },
  );
  return JSON.parse(stdout) as Taken;
}

for (const [word, count] of [
  ['one', 1],
  ['fifty', 50],
] as const) {
  test(`${RULES} rules in ${count} namespaces fit into an agent`, async (t) => {
    const ground = await groundOf(word);
    const namespaces = Array.from({ length: count }, (_, n) => `${ground.namespace}-${n}`);
    const binding = ground.binding('runners', { selector: { namespaces } });
    await ground.publish('runners', binding, ...rules(namespaces));
    await ground.assign('runners');
    const taken = await consume(temporaryFolder(t), ground, namespaces[0] ?? '');
    assert.equal(taken.names, RULES / count);
    const mb = (size: number) => (size / MB).toFixed(1);
    const { before, held, compiled, ms } = taken;
    t.diagnostic(
      `heap ${mb(before.heapUsed)} MB, held ${mb(held.heapUsed)} MB, compiled for a pod ` +
        `${mb(compiled.heapUsed)} MB; RSS ${mb(before.rss)}, ${mb(held.rss)}, ${mb(compiled.rss)} MB; ` +
        `fetched and verified in ${ms} ms`,
    );
    // Measured: 15 MB for one pod with all of them. The agent's limit is 512 MiB.
    assert.ok(compiled.heapUsed - before.heapUsed < 40 * MB);
  });
}
