import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '#api/error.ts';
import { errors as bpf } from '#bpf/errors.ts';
import { errors as cgroups } from '../../agent/cgroup/errors.ts';
import { errors as redirect } from '../../agent/redirect/errors.ts';
import { errors as sandbox } from '../sandbox/errors.ts';
import { nodeFindings } from './node.ts';
import type { NodeFacts, Use } from './node-facts.ts';

const good: NodeFacts = {
  kernel: '6.12.0',
  root: true,
  capabilities: new Set(['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE', 'CHOWN']),
  btf: true,
  programs: new Set(),
  tagged: undefined,
  cgroup2: { path: '/sys/fs/cgroup', options: ['rw'] },
  cgroup1: false,
  bpffs: '/sys/fs/bpf',
  lsm: ['lockdown', 'bpf'],
  containerd: { socket: '/run/containerd/containerd.sock', found: { version: '2.1.0' } },
  otherRuntimes: [],
  nftables: true,
  bubblewrap: true,
  userNamespacesRestricted: false,
};

const found = (facts: Partial<NodeFacts>, use: Use | null = null) =>
  nodeFindings({ ...good, ...facts }, use)
    .filter(({ level }) => level !== 'pass')
    .map(({ level, check }) => `${level} ${check}`);

const noBtf = failure(bpf.noBtf, { path: '/sys/kernel/btf/vmlinux' });
const refused = failure(bpf.refused, { kernel: '4.19', reason: 'EINVAL', log: 'R1 is no pointer' });
const tagged = failure(cgroups.tagged, { kernel: '5.10', controllers: 'net_cls' });
const socket = '/run/containerd/containerd.sock';

const changes: readonly (readonly [facts: Partial<NodeFacts>, ...expected: string[]])[] = [
  [{}],
  [{ btf: noBtf, programs: noBtf }, 'fail btf', 'fail kernel'],
  [{ programs: refused }, 'fail kernel'],
  [{ programs: new Set(['unix', 'process']) }, 'warn kernel.unix', 'warn kernel.process'],
  [{ capabilities: new Set(['SYS_ADMIN', 'NET_ADMIN']) }, 'fail privilege'],
  [{ cgroup2: failure(cgroups.noCgroup2) }, 'fail cgroup'],
  [{ cgroup2: { path: '/sys/fs/cgroup', options: ['ro'] } }, 'fail cgroup'],
  [{ cgroup1: true }],
  [{ tagged }, 'fail cgroup.tags'],
  [{ bpffs: undefined }, 'warn bpffs'],
  [{ lsm: ['apparmor'] }, 'warn lsm'],
  [{ lsm: null }, 'warn lsm'],
  [{ otherRuntimes: ['/run/crio/crio.sock'] }, 'warn runtime.other'],
  [{ containerd: { socket, found: { missing: true } } }, 'warn runtime'],
  [{ containerd: { socket, found: { refused: 'EACCES' } } }, 'warn runtime'],
  [{ nftables: failure(redirect.nft, { netns: 'x', reason: 'y' }) }, 'warn nftables'],
  [{ bubblewrap: { refused: 'no' } }, 'warn bubblewrap'],
  [
    { bubblewrap: failure(sandbox.noProgram, { program: 'bwrap', package: 'bubblewrap' }) },
    'warn bubblewrap',
  ],
  [{ userNamespacesRestricted: true }, 'warn userns'],
  [
    { root: false, programs: null, tagged: null, nftables: null },
    ...['warn privilege', 'warn kernel', 'warn nftables'],
  ],
];

test('what a host lacks is found, each by itself, with what to do', () => {
  for (const [facts, ...expected] of changes) {
    assert.deepEqual(found(facts), expected, JSON.stringify(facts));
    for (const { level, hint } of nodeFindings({ ...good, ...facts }, null)) {
      assert.equal(hint === '', level === 'pass');
    }
  }
});

test('what a use cannot do without is a failure for that use, and nothing for the other', () => {
  const containerd = { socket, found: { missing: true } } as const;
  assert.deepEqual(found({ containerd }, 'agent'), ['fail runtime']);
  assert.deepEqual(found({ containerd }, 'run'), []);
  const bubblewrap = { refused: 'no' };
  assert.deepEqual(found({ bubblewrap }, 'run'), ['fail bubblewrap']);
  assert.deepEqual(found({ bubblewrap }, 'agent'), []);
  assert.deepEqual(found({ bpffs: undefined }, 'agent'), ['fail bpffs']);
  const nftables = failure(redirect.nft, { netns: 'x', reason: 'y' });
  assert.deepEqual(found({ nftables }, 'agent'), ['fail nftables']);
});

test('a refusal keeps its code and the words of the verifier', () => {
  const [finding] = nodeFindings({ ...good, programs: refused }, null).filter(
    ({ check }) => check === 'kernel',
  );
  assert.match(finding?.sentence ?? '', /\[TW_BPF_REFUSED\]$/);
  assert.match(finding?.hint ?? '', /R1 is no pointer/);
});
