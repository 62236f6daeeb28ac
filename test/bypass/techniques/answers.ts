/** Answers of allowed names that point where no rule does, and addresses that outlive them. */
import assert from 'node:assert/strict';
import { whileLearned } from '../../kernel/short-lived.ts';
import { createWorld } from '../../kernel/world.ts';
import { assertRow } from '../rows.ts';
import type { Attempt, Technique } from '../technique.ts';
import { query } from './messages.ts';
import { DNS, GOOD, nxdomain } from './names.ts';

const at = '198.51.100.';

/** The look-up of an allowed name whose answer is refused; then the address that it pointed to. */
function refusedAnswer(
  n: string,
  reason: 'private-answer' | 'cname',
  to: string,
  closed: string,
): Attempt[] {
  const domain = `${n}.example.test`;
  return [
    {
      what: `an answer of ${to}`,
      step: `dns-udp ${DNS} 53 ${query(domain)}`,
      free: /^7171[89a-f]18/,
      held: nxdomain,
      row: { reason, domain },
    },
    {
      what: `${to} after that`,
      step: `tcp ${to} 8000 secret-${n}`,
      witness: { packets: to },
      record: { row: { reason: closed as 'default', ip: to } },
    },
  ];
}

export const answers: readonly Technique[] = [
  {
    id: 'dns-rebinding',
    title: 'Rebinding to inner addresses',
    how: 'The owner of an allowed name answers with an address of the inside: private, loopback, metadata.',
    source: 'egress-filter AUDIT S5',
    outcome: 'stopped',
    by: 'Answers that point inside are refused unless the rule says `private`; metadata, resolvers and the like always.',
    attempts: [
      ...refusedAnswer('r1', 'private-answer', '10.0.0.5', 'default'),
      ...refusedAnswer('r2', 'private-answer', '192.168.1.5', 'default'),
      ...refusedAnswer('r3', 'private-answer', '172.16.0.5', 'default'),
      ...refusedAnswer('r4', 'private-answer', '100.64.0.5', 'default'),
      ...refusedAnswer('r5', 'private-answer', '169.254.169.254', 'metadata'),
      ...refusedAnswer('r6', 'private-answer', '169.254.7.7', 'metadata'),
      ...refusedAnswer('r7', 'private-answer', '100.100.100.200', 'metadata'),
      {
        what: 'an answer of a public resolver’s address opens nothing',
        step: `dns-udp ${DNS} 53 ${query('r8.example.test')}`,
        held: /^71718180/,
      },
      {
        what: '9.9.9.9 after that',
        step: 'tcp 9.9.9.9 8000 secret-r8',
        witness: { packets: '9.9.9.9' },
        record: { row: { reason: 'doh', ip: '9.9.9.9' } },
      },
      {
        what: 'an answer of 127.0.0.1',
        step: `dns-udp ${DNS} 53 ${query('r9.example.test')}`,
        held: nxdomain,
        row: { reason: 'private-answer', domain: 'r9.example.test' },
      },
      {
        what: '127.0.0.1 after that',
        step: 'tcp 127.0.0.1 8000 secret-r9',
        witness: { text: 'secret-r9' },
        record: { row: { reason: 'local-service', ip: '127.0.0.1', port: 8000 } },
      },
      {
        what: 'a good address beside an inner one',
        step: `dns-udp ${DNS} 53 ${query('r10.example.test')}`,
        held: nxdomain,
        row: { reason: 'private-answer', domain: 'r10.example.test' },
      },
      {
        what: 'the good address of that answer',
        step: `tcp ${at}110 8000 secret`,
        witness: { packets: `${at}110` },
        record: { row: { reason: 'default', ip: `${at}110` } },
      },
    ],
  },
  {
    id: 'cname-chain',
    title: 'CNAME chains through a denied name',
    how: 'An allowed name is an alias of a denied one, or of a chain that leads over it.',
    source: 'Bullfrog #16; CargoWall #62',
    outcome: 'stopped',
    by: 'Every name of the chain is judged; a denied one anywhere refuses the answer.',
    attempts: [
      ...refusedAnswer('c1', 'cname', `${at}121`, 'default'),
      ...refusedAnswer('c2', 'cname', `${at}122`, 'default'),
      ...refusedAnswer('c3', 'cname', `${at}123`, 'default'),
    ],
  },
  {
    id: 'answer-of-the-owner',
    title: 'Any public address as an answer',
    how: 'Who answers for an allowed name names an address of the attacker’s.',
    source: 'egress-filter AUDIT S5',
    outcome: 'limit',
    by: 'An allowed name’s answer is what opens addresses; which public ones are its own is not known.',
    limit: 'What the owner of an allowed name decides.',
    attempts: [
      {
        what: 'the look-up',
        step: `dns-udp ${DNS} 53 ${query('owner.example.test')}`,
        held: /^7171818/,
      },
      {
        what: 'the attacker’s address, which the owner named',
        step: `tcp ${at}130 8000 secret-owner`,
        witness: { packets: `${at}130` },
        through: true,
      },
    ],
  },
  {
    id: 'shared-address',
    title: 'Another name on an allowed address',
    how: 'A CDN serves many names at one address; Host or SNI asks for the attacker’s.',
    source: 'devansh write-up (virtual hosting); cilium #31803; step-security/agent #426',
    outcome: 'limit',
    by: 'Neither TLS nor HTTP is looked into; pinning names to TLS is planned.',
    limit: 'Other names on the same address.',
    attempts: [
      {
        what: 'a Host header of someone else’s',
        step: 'http 192.0.2.20 8000 evil.test /secret-shared',
        witness: { text: '/secret-shared' },
        through: true,
      },
    ],
  },
  {
    id: 'denied-neighbour',
    title: 'The address of a denied name',
    how: 'A denied name has the address of an allowed one, and the address is used.',
    source: 'NeuVector #427',
    outcome: 'limit',
    by: 'A deny of a name is about the name; a prefix is denied where the address is meant.',
    limit: 'A denied name with an allowed neighbour.',
    attempts: [
      {
        what: 'the look-up of the denied name',
        step: `dns-udp ${DNS} 53 ${query('denied3.wild.example.test')}`,
        held: nxdomain,
        row: { reason: 'deny-rule', domain: 'denied3.wild.example.test' },
      },
      {
        what: 'a request with the denied name to the shared address',
        step: 'http 192.0.2.20 8000 denied3.wild.example.test /secret-neighbour',
        witness: { text: '/secret-neighbour' },
        through: true,
      },
    ],
  },
  {
    id: 'reused-address',
    title: 'An address that a name has no more',
    how: 'The answer’s time is over and the address is someone else’s, and it is still open.',
    source: 'CargoWall (RemoveIP without a caller)',
    outcome: 'limit',
    by: 'Programs keep addresses longer than their TTL: an address stays open for the answer’s time, 30 seconds at least, and a minute more.',
    limit: 'An address stays open',
    attempts: [
      {
        what: 'the look-up, TTL 1',
        step: `dns-udp ${DNS} 53 ${query('moves.example.test')}`,
        held: /^7171818/,
      },
      { what: 'two seconds', step: 'run sleep 2', held: /^0/ },
      {
        what: 'the address after that',
        step: `tcp ${at}131 8000 secret-moved`,
        witness: { packets: `${at}131` },
        through: true,
      },
    ],
  },
  {
    id: 'expired-address',
    title: 'Addresses of answers long past',
    how: 'An allow list of addresses only grows, and what a name once had stays open for ever.',
    source: 'CargoWall (RemoveIP without a caller); kntrl',
    outcome: 'stopped',
    by: 'The kernel holds an address until its time, and refuses what is new after that, raw packets too.',
    stories: { 'open until its second, then refused': expires },
  },
];

/** In the kernel's own test world, where an address can be learned for one second. */
async function expires(): Promise<void> {
  const address = `${at}140`;
  const world = await createWorld({ names: { [GOOD]: ['8000'] } });
  try {
    await world.lab.sink([{ kind: 'tcp', address, port: 8000 }]);
    const probe = await world.probe('inside');
    const short = { name: GOOD, addresses: [address] };
    const { expired } = await whileLearned(world, short, async () => {
      assert.equal(await probe.connect('tcp', address, 8000), '0', 'the control');
    });
    await expired();
    const before = world.lab.packetsTo(address);
    assert.equal(await probe.connect('tcp', address, 8000), 'EPERM');
    assert.equal(world.lab.packetsTo(address), before);
    assertRow(await world.holder.rows(), {
      reason: 'expired',
      ip: address,
      port: 8000,
      domain: GOOD,
    });
  } finally {
    await world.close();
  }
}
