import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicies } from '#policy/load.ts';
import type { Sandbox } from '../watch/watcher.ts';
import type { Governed } from './governed.ts';
import { type HeldPod, Pods } from './pods.ts';

const meta = { apiVersion: 'torwacht.io/v1alpha1' };
const binding = (mode = 'Block') => ({
  ...meta,
  kind: 'RunnerBinding',
  metadata: { name: 'runners', namespace: 'ci' },
  spec: { mode },
});

function documentsOf(...documents: readonly object[]) {
  const content = Buffer.from(documents.map((one) => JSON.stringify(one)).join('\n---\n'));
  return parsePolicies([{ file: 'bundle.yaml', content }]).documents;
}

const sandbox = (uid: string, namespace = 'ci'): Sandbox => ({
  ...{
    id: `id-${uid}`,
    uid,
    namespace,
    name: `pod-${uid}`,
    labels: {},
    annotations: {},
    searches: [],
  },
  ...{ pid: 1, hostNetwork: false, cgroup: `/kubepods/pod${uid}` },
});

/** Pods over an engine in memory; `told` is what was said, in order. */
function setUp() {
  const told: string[] = [];
  const cgroups = new Set<string>();
  const policies = new Map<string, string>();
  let refusing = 0;
  let gate: Promise<void> = Promise.resolve();
  const hold = async ({ uid, cgroup }: Sandbox, { policy }: Governed): Promise<HeldPod> => {
    await gate;
    if (refusing-- > 0) throw new Error('no nft');
    cgroups.add(cgroup);
    policies.set(uid, policy.mode);
    return {
      setPolicy: ({ mode }) => void policies.set(uid, mode),
      end: async () => {
        policies.delete(uid);
        return [];
      },
    };
  };
  const say = (what: string) => (one: Sandbox) => told.push(`${what} ${one.uid}`);
  const pods = new Pods({
    documents: documentsOf(binding()),
    hold,
    cgroupExists: (name) => cgroups.has(name),
    forget: say('forgotten'),
    log: {
      held: say('held'),
      ended: say('ended'),
      failed: say('failed'),
      unchanged: say('unchanged'),
    },
  });
  return {
    pods,
    told,
    cgroups,
    policies,
    refuse: (times: number) => {
      refusing = times;
    },
    /** Attaching waits until the returned function is called. */
    block: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a governed pod is held once, whoever tells of it; another is not touched', async () => {
  const { pods, told } = setUp();
  pods.started(sandbox('a'));
  pods.listed([sandbox('a'), sandbox('b'), sandbox('c', 'web')]);
  await settled();
  assert.deepEqual(told, ['held a', 'held b']);
  assert.deepEqual([pods.held, pods.pending], [2, 0]);
});

test('the end of its process frees nothing; the end of its cgroup does', async () => {
  const { pods, told, cgroups, policies } = setUp();
  pods.started(sandbox('a'));
  await settled();
  pods.ended();
  pods.listed([]);
  await pods.look();
  assert.equal(policies.get('a'), 'Block');
  cgroups.delete('/kubepods/poda');
  await pods.look();
  assert.deepEqual([told.at(-1), policies.size, pods.held], ['ended a', 0, 0]);
});

test('a pod that could not be attached is tried again', async () => {
  const { pods, told, cgroups, refuse } = setUp();
  refuse(2);
  cgroups.add('/kubepods/poda');
  pods.started(sandbox('a'));
  await settled();
  assert.deepEqual([pods.held, pods.pending], [0, 1]);
  await pods.look();
  await pods.look();
  assert.deepEqual(told, ['failed a', 'failed a', 'held a']);
});

test('another bundle is in force for pods that are held and for those that are being attached', async () => {
  const { pods, policies, block } = setUp();
  pods.started(sandbox('a'));
  await settled();
  const open = block();
  pods.started(sandbox('b'));
  pods.setDocuments(documentsOf(binding('Observe')));
  assert.equal(policies.get('a'), 'Observe');
  open();
  await settled();
  assert.equal(policies.get('b'), 'Observe');
});

test('a pod that no binding governs any more keeps its policy', async () => {
  const { pods, policies } = setUp();
  pods.started(sandbox('a'));
  await settled();
  pods.setDocuments([]);
  assert.equal(policies.get('a'), 'Block');
  pods.started(sandbox('b'));
  await settled();
  assert.equal(policies.has('b'), false);
});

test('a pod that ends while it is being attached is let go afterwards', async () => {
  const { pods, told, cgroups, block } = setUp();
  const open = block();
  pods.started(sandbox('a'));
  await pods.look();
  open();
  await settled();
  cgroups.delete('/kubepods/poda');
  await pods.look();
  assert.deepEqual(told, ['held a', 'forgotten a', 'ended a']);
});

test('of a pod that could never be held, nothing is left either', async () => {
  const { pods, told, refuse } = setUp();
  refuse(1);
  pods.started(sandbox('a'));
  await settled();
  await pods.look();
  assert.deepEqual(told, ['failed a', 'forgotten a', 'ended a']);
});
