/** Our strategic merge against kubectl's, which is Kubernetes' own library and needs no cluster for it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { strategicMerge } from '../../../cli/runner/strategic-merge.ts';
import { createRandom, type Random } from '../../kernel/differential/random.ts';

const environment = { PATH: process.env.PATH, HOME: '/nonexistent', KUBECONFIG: '/dev/null' };
const present = spawnSync('kubectl', ['version', '--client'], { env: environment }).status === 0;
const skip = present ? false : 'needs kubectl';
const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
const CASES = 40;

const names = ['a', 'b', 'c', 'd', 'e', 'f'];

function some(random: Random): string[] {
  return names
    .map((name) => ({ name, at: random.u32() }))
    .sort((one, other) => one.at - other.at)
    .slice(0, random.int(names.length))
    .map(({ name }) => name);
}

function container(random: Random, name: string): Record<string, unknown> {
  return {
    name,
    ...(random.oneIn(2) ? { image: random.pick(['x:1', 'x:2']) } : {}),
    ...(random.oneIn(3)
      ? { command: random.list(1 + random.int(2), () => random.pick(names)) }
      : {}),
    ...(random.oneIn(3)
      ? { env: some(random).map((key) => ({ name: key, value: String(random.int(3)) })) }
      : {}),
    ...(random.oneIn(4)
      ? { volumeMounts: some(random).map((key) => ({ name: key, mountPath: `/${key}` })) }
      : {}),
    ...(random.oneIn(4)
      ? { securityContext: { capabilities: { drop: some(random) }, runAsUser: random.int(3) } }
      : {}),
  };
}

function spec(random: Random, patch: boolean): Record<string, unknown> {
  const containers = some(random).map((name) => container(random, name));
  const initContainers = some(random).map((name) => container(random, name));
  if (patch && random.oneIn(3) && initContainers[0]) initContainers[0].$patch = 'delete';
  return {
    ...(patch && random.oneIn(3) ? {} : { containers }),
    ...(random.oneIn(5) ? {} : { initContainers }),
    ...(random.oneIn(3) ? { tolerations: some(random).map((key) => ({ key })) } : {}),
    ...(random.oneIn(3) ? { volumes: some(random).map((name) => ({ name, emptyDir: {} })) } : {}),
    ...(random.oneIn(3)
      ? { hostAliases: some(random).map((name, i) => ({ ip: `10.0.0.${i}`, hostnames: [name] })) }
      : {}),
    ...(random.oneIn(3)
      ? { dnsPolicy: patch && random.oneIn(3) ? null : random.pick(['None', 'Default']) }
      : {}),
  };
}

test(`kubectl merges as we do (seed ${seed}, ${CASES} cases)`, { skip }, (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-merge-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const random = createRandom(seed);
  let reordered = 0;
  for (let i = 0; i < CASES; i++) {
    const original = spec(random, false);
    const patch = spec(random, true);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: original };
    const file = join(folder, 'pod.json');
    writeFileSync(file, JSON.stringify(pod));
    const args = ['patch', '--local', '--type', 'strategic', '-f', file, '-o', 'json'];
    const done = spawnSync('kubectl', [...args, '-p', JSON.stringify({ spec: patch })], {
      env: environment,
      encoding: 'utf8',
    });
    assert.equal(done.status, 0, done.stderr);
    const theirs = (JSON.parse(done.stdout) as { spec: unknown }).spec;
    const ours = strategicMerge(original, patch);
    assert.deepEqual(ours, theirs, JSON.stringify({ original, patch }));
    if (JSON.stringify(ours) !== JSON.stringify(original)) reordered++;
  }
  assert.ok(reordered > CASES / 2);
});
