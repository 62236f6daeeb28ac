import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TorwachtDocument } from '#api/documents.ts';
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
  ...{ pid: 1, netns: '/proc/1/ns/net', hostNetwork: false, cgroup: `/kubepods/pod${uid}` },
});

/** Pods over an engine in memory; `told` is what was said, in order. */
function setUp(released?: 'deny') {
  const told: string[] = [];
  const cgroups = new Set<string>();
  const policies = new Map<string, string>();
  const former = new Map<string, Governed>();
  let refusing = 0;
  let documents: readonly TorwachtDocument[] | undefined = documentsOf(binding());
  let gate: Promise<void> = Promise.resolve();
  const hold = async ({ uid, cgroup }: Sandbox, { policy }: Governed): Promise<HeldPod> => {
    await gate;
    if (refusing-- > 0) throw new Error('no nft');
    cgroups.add(cgroup);
    policies.set(uid, policy.mode);
    return {
      setPolicy({ mode }) {
        if (refusing-- > 0) throw new Error('map full');
        policies.set(uid, mode);
      },
      runs: (pid) => told.push(`runs ${uid} ${pid}`),
      count: () => told.push(`counted ${uid}`),
      end: async () => {
        policies.delete(uid);
      },
    };
  };
  const say = (what: string) => (one: Sandbox) => told.push(`${what} ${one.uid}`);
  const pods = new Pods({
    documents: () => documents,
    ...(released === undefined ? {} : { released }),
    former: ({ uid }) => former.get(uid) ?? null,
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
    former,
    /** Other documents are in force; nobody knows which, without an argument. */
    put: (...next: readonly [(readonly TorwachtDocument[])?]) => {
      [documents] = next;
      pods.update();
    },
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

const formerly = (mode: 'Block' | 'Observe'): Governed => {
  const policy = { mode, digest: mode, rules: [], names: [], cidrs: [], upstreams: [] };
  return { identity: { namespace: 'web' }, policy };
};

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a governed pod is held once, whoever tells of it; another is not touched', async () => {
  const { pods, told } = setUp();
  pods.started(sandbox('a'));
  pods.listed([sandbox('a'), sandbox('b'), sandbox('c', 'web')]);
  await settled();
  assert.deepEqual(told, ['held a', 'held b']);
  assert.deepEqual([pods.held, pods.pending], [2, 0]);
});

test('a pod is held before it has a process, and hears of that; what failed without one is tried again', async () => {
  const { pods, told, refuse, block } = setUp();
  const early = (uid: string) => ({ ...sandbox(uid), pid: null });
  pods.started(early('a'));
  await settled();
  assert.deepEqual(told, ['held a']);
  pods.started(sandbox('a'));
  pods.started(sandbox('a'));
  await settled();
  assert.deepEqual(told.splice(0), ['held a', 'runs a 1']);
  const go = block();
  pods.started(early('b'));
  pods.started(sandbox('b'));
  go();
  await settled();
  assert.deepEqual(told.splice(0), ['held b', 'runs b 1']);
  refuse(1);
  pods.started(early('c'));
  await settled();
  pods.started(sandbox('c'));
  await settled();
  assert.deepEqual(told.splice(0), ['failed c', 'held c']);
  refuse(1);
  const on = block();
  pods.started(early('d'));
  pods.started(sandbox('d'));
  on();
  await settled();
  assert.deepEqual(told, ['failed d', 'held d']);
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
  const { pods, policies, block, put } = setUp();
  pods.started(sandbox('a'));
  await settled();
  const open = block();
  pods.started(sandbox('b'));
  put(documentsOf(binding('Observe')));
  assert.equal(policies.get('a'), 'Observe');
  open();
  await settled();
  assert.equal(policies.get('b'), 'Observe');
});

test('a pod that no binding governs any more keeps its policy', async () => {
  const { pods, policies, put } = setUp();
  pods.started(sandbox('a'));
  await settled();
  put([]);
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

test('a pod that no binding governs any more is held by what an agent before held it by', async () => {
  const { pods, policies, former, told, put } = setUp();
  former.set('a', formerly('Observe'));
  pods.listed([sandbox('a', 'web'), sandbox('b', 'web')]);
  await settled();
  assert.deepEqual([...policies], [['a', 'Observe']]);
  assert.deepEqual(pods.digests, ['Observe']);
  put([]);
  assert.equal(policies.get('a'), 'Observe');
  put(documentsOf({ ...binding(), metadata: { name: 'x', namespace: 'web' } }));
  assert.deepEqual([...policies], [['a', 'Block']]);
  assert.deepEqual(told, ['held a']);
});

test('such a pod is tried again as well, and one of unknown policy is told', async () => {
  const { pods, policies, former, told, cgroups, refuse } = setUp();
  former.set('a', formerly('Block'));
  cgroups.add('/kubepods/poda').add('/kubepods/podb');
  refuse(1);
  former.get = () => {
    former.get = Map.prototype.get;
    throw new Error('lost');
  };
  pods.started(sandbox('b', 'web'));
  pods.started(sandbox('a', 'web'));
  await settled();
  former.clear();
  await pods.look();
  assert.deepEqual(told, ['failed b', 'failed a', 'held a']);
  assert.equal(policies.get('a'), 'Block');
});

test('another sandbox of the same pod is held in the place of the one before', async () => {
  const { pods, told, policies, block } = setUp();
  pods.started(sandbox('a'));
  await settled();
  pods.started({ ...sandbox('a'), id: 'second' });
  await settled();
  assert.deepEqual(told, ['held a', 'held a']);
  assert.deepEqual([policies.get('a'), pods.held], ['Block', 1]);
  // While the second is being attached there is a third already, and then a fourth.
  const open = block();
  pods.started({ ...sandbox('a'), id: 'third' });
  await settled();
  pods.started({ ...sandbox('a'), id: 'fourth' });
  await settled();
  assert.deepEqual([pods.held, pods.pending], [0, 1]);
  open();
  await settled();
  assert.deepEqual(told.slice(2), ['held a', 'held a']);
  assert.deepEqual([policies.get('a'), pods.held, pods.pending], ['Block', 1, 0]);
});

test('where the released are denied, they are, in the mode that they had, and only they are held', async () => {
  const { pods, policies, former, put } = setUp('deny');
  pods.started(sandbox('a'));
  await settled();
  const allowed = pods.digests;
  put(documentsOf(binding('Observe')));
  put([]);
  assert.equal(policies.get('a'), 'Observe');
  assert.notDeepEqual(pods.digests, allowed);
  former.set('b', formerly('Block'));
  pods.listed([sandbox('a'), sandbox('b', 'web'), sandbox('c', 'web')]);
  await settled();
  assert.deepEqual(Object.fromEntries(policies), { a: 'Observe', b: 'Block' });
  assert.ok(!pods.digests.includes('Block'));
});

test('while nobody knows what is in force, what was held is held by that, and nobody else is', async () => {
  const { pods, policies, former, put } = setUp('deny');
  pods.started(sandbox('a'));
  await settled();
  const before = pods.digests;
  put();
  former.set('b', formerly('Observe'));
  pods.listed([sandbox('a'), sandbox('b'), sandbox('c')]);
  await settled();
  assert.deepEqual(Object.fromEntries(policies), { a: 'Block', b: 'Observe' });
  assert.deepEqual(pods.digests, [...before, 'Observe']);
});

test('a policy that a pod does not take is said of its namespace until it is taken', async () => {
  const { pods, told, policies, refuse, put } = setUp();
  pods.started(sandbox('a'));
  await settled();
  refuse(1);
  put(documentsOf(binding('Observe')));
  assert.deepEqual([told.at(-1), policies.get('a')], ['unchanged a', 'Block']);
  assert.match(String(pods.refusal(['ci'])), /map full/);
  assert.equal(pods.refusal(['web']), undefined);
  put(documentsOf(binding('Observe')));
  assert.deepEqual([policies.get('a'), pods.refusal(['ci'])], ['Observe', undefined]);
});

test('documents that cannot be compiled fail the pod, which is tried again', async () => {
  const { pods, told, cgroups, put } = setUp();
  cgroups.add('/kubepods/poda');
  put([...documentsOf(binding()), { kind: 'EgressPolicy' } as unknown as TorwachtDocument]);
  pods.started(sandbox('a'));
  await settled();
  assert.deepEqual([told, pods.failed], [['failed a'], 1]);
  await pods.look();
  assert.equal(told.length, 1);
  put(documentsOf(binding()));
  await settled();
  assert.deepEqual([told.at(-1), pods.failed], ['held a', 0]);
});

test('rows of all pods that are held are counted, and of no others', async () => {
  const { pods, told, block } = setUp();
  pods.started(sandbox('a'));
  await settled();
  const go = block();
  pods.started(sandbox('b'));
  pods.count();
  assert.deepEqual(told, ['held a', 'counted a']);
  go();
  await settled();
  pods.count();
  assert.deepEqual(told.slice(2), ['held b', 'counted a', 'counted b']);
});
