import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasons } from '#api/event.ts';
import { alwaysDeniedReasons, dohAddresses } from './always-denied.ts';
import { constantPrefix, constantAddress as ip } from './cidr.ts';
import { permissionsOf } from './permissions.ts';
import type { Permission } from './types.ts';
import { passes, type Verdict, type VerdictQuery, type VerdictState, verdict } from './verdict.ts';

const https: VerdictQuery = {
  hook: 'connect',
  family: 4,
  daddr: ip('192.0.2.10'),
  protocol: 6,
  dport: 443,
  malformed: false,
  ipOptions: false,
  fragment: false,
  fresh: true,
  local: 'none',
  socketName: 0,
  now: 100,
};

const tcp = (action: 'allow' | 'deny', rule: number, ...list: number[]): readonly Permission[] =>
  list.flatMap((port) => permissionsOf(action, rule, [{ port, protocol: 'TCP' }]));

const NPM = 7;
const GIT = 8;
const empty: VerdictState = {
  resolver: { address: ip('127.0.0.1'), port: 15353 },
  names: new Map(),
  cidrs: [],
  learned: new Map(),
  doh: new Set(dohAddresses),
};
const learned = (...slots: readonly (readonly [name: number, expires: number])[]) =>
  new Map([[https.daddr, slots.map(([name, expires]) => ({ name, expires }))]]);
const cidr = (text: string, permissions: readonly Permission[]) => ({
  ...constantPrefix(text),
  permissions,
});

type Case = readonly [
  what: string,
  query: Partial<VerdictQuery>,
  state: Partial<VerdictState>,
  expected: Partial<Verdict>,
];

const allow = (reason: Verdict['reason'], rest: Partial<Verdict> = {}) => ({
  allow: true,
  reason,
  rule: 0,
  name: 0,
  expires: 0,
  ...rest,
});
const deny = (reason: Verdict['reason'], rest: Partial<Verdict> = {}) => ({
  ...allow(reason, rest),
  allow: false,
});

const anywhere = [cidr('0.0.0.0/0', permissionsOf('allow', 1, undefined))];
const own: Partial<VerdictQuery> = { local: 'own' };
const openNpm: Partial<VerdictState> = {
  names: new Map([[NPM, tcp('allow', 2, 443)]]),
  learned: learned([NPM, 200]),
};

const cases: readonly Case[] = [
  // 1: the target itself
  ['its own socket, whatever the packet is', { ...own, malformed: true }, {}, allow('local')],
  [
    'its resolver over UDP',
    { daddr: ip('127.0.0.1'), dport: 15353, protocol: 17 },
    {},
    allow('resolver'),
  ],
  ['its resolver over TCP', { daddr: ip('127.0.0.1'), dport: 15353 }, {}, allow('resolver')],
  ['another port of the resolver', { daddr: ip('127.0.0.1'), dport: 53 }, {}, deny('dns-server')],
  [
    'a fragment to the resolver',
    { daddr: ip('127.0.0.1'), dport: 15353, fragment: true },
    {},
    deny('fragment'),
  ],
  [
    'a malformed packet to the resolver',
    { daddr: ip('127.0.0.1'), dport: 15353, malformed: true },
    {},
    deny('malformed'),
  ],
  [
    'the resolver by another protocol',
    { daddr: ip('127.0.0.1'), dport: 15353, protocol: 132 },
    {},
    deny('protocol'),
  ],
  [
    'without a resolver',
    { daddr: 0, dport: 0, protocol: 17 },
    { resolver: null, cidrs: anywhere },
    deny('multicast'),
  ],
  // 2: always denied, although everything is allowed
  ['malformed before IPv6', { malformed: true, family: 6 }, { cidrs: anywhere }, deny('malformed')],
  ['IPv6 before options', { family: 6, ipOptions: true }, { cidrs: anywhere }, deny('ipv6')],
  [
    'options before fragment',
    { ipOptions: true, fragment: true },
    { cidrs: anywhere },
    deny('ip-options'),
  ],
  ['a fragment', { fragment: true, dport: 0 }, { cidrs: anywhere }, deny('fragment')],
  ['this network', { daddr: ip('0.0.0.1') }, { cidrs: anywhere }, deny('multicast')],
  ['multicast', { daddr: ip('224.0.0.251') }, { cidrs: anywhere }, deny('multicast')],
  ['broadcast', { daddr: ip('255.255.255.255') }, { cidrs: anywhere }, deny('multicast')],
  [
    'metadata',
    { daddr: ip('169.254.169.254'), protocol: 1 },
    { cidrs: anywhere },
    deny('metadata'),
  ],
  ['the rest of link-local', { daddr: ip('169.254.0.1') }, { cidrs: anywhere }, deny('metadata')],
  ['metadata elsewhere', { daddr: ip('100.100.100.200') }, { cidrs: anywhere }, deny('metadata')],
  ['beside it', { daddr: ip('100.100.100.201') }, { cidrs: anywhere }, allow('cidr', { rule: 1 })],
  ['metadata on Azure', { daddr: ip('168.63.129.16') }, { cidrs: anywhere }, deny('metadata')],
  ['ICMP', { protocol: 1, dport: 0 }, { cidrs: anywhere }, deny('icmp')],
  ['SCTP', { protocol: 132 }, { cidrs: anywhere }, deny('protocol')],
  [
    'port 53 of a listed resolver',
    { daddr: ip('8.8.8.8'), dport: 53 },
    { cidrs: anywhere },
    deny('dns-server'),
  ],
  ['DoT', { dport: 853 }, { cidrs: anywhere }, deny('dot')],
  ['DoQ', { dport: 853, protocol: 17 }, { cidrs: anywhere }, deny('dot')],
  ['DoH', { daddr: ip('8.8.8.8') }, { cidrs: anywhere }, deny('doh')],
  // 4 and 6: prefixes
  [
    'a deny of the longest prefix',
    {},
    {
      ...openNpm,
      cidrs: [...anywhere, cidr('192.0.2.0/24', [...tcp('deny', 3, 443), ...tcp('allow', 1, 443)])],
    },
    deny('deny-rule', { rule: 3 }),
  ],
  [
    'a deny for another port',
    {},
    { cidrs: [cidr('192.0.2.0/24', [...tcp('deny', 3, 22), ...tcp('allow', 1, 443)])] },
    allow('cidr', { rule: 1 }),
  ],
  [
    'only the longest prefix, which must be complete',
    {},
    { cidrs: [...anywhere, cidr('192.0.2.0/24', tcp('allow', 1, 22))] },
    deny('port'),
  ],
  [
    'a prefix with other ports, and a learned name',
    {},
    { ...openNpm, cidrs: [cidr('192.0.2.0/24', tcp('allow', 1, 22))] },
    allow('name', { rule: 2, name: NPM, expires: 200 }),
  ],
  [
    'the UDP twin of a TCP rule',
    { protocol: 17 },
    { cidrs: [cidr('192.0.2.0/24', tcp('allow', 1, 443))] },
    deny('port'),
  ],
  // 5a: the socket's own name
  [
    'a connection that goes on after its address expired',
    { fresh: false, socketName: NPM },
    { names: openNpm.names ?? new Map() },
    allow('name', { rule: 2, name: NPM }),
  ],
  [
    'a new connection, whose name does not count yet',
    { fresh: true, socketName: NPM },
    { names: openNpm.names ?? new Map() },
    deny('default'),
  ],
  [
    'a connection whose name lost its rule',
    { fresh: false, socketName: GIT },
    { names: openNpm.names ?? new Map() },
    deny('default'),
  ],
  [
    'a connection whose name is now denied is judged by its address',
    { fresh: false, socketName: GIT },
    {
      ...openNpm,
      names: new Map([
        [NPM, tcp('allow', 2, 443)],
        [GIT, tcp('deny', 5, 443)],
      ]),
    },
    allow('name', { rule: 2, name: NPM, expires: 200 }),
  ],
  // 5b: learned names
  ['a learned name', {}, openNpm, allow('name', { rule: 2, name: NPM, expires: 200 })],
  ['its last moment', { now: 199 }, openNpm, allow('name', { rule: 2, name: NPM, expires: 200 })],
  ['its expiry', { now: 200 }, openNpm, deny('expired', { name: NPM })],
  ['another port of it', { dport: 80 }, openNpm, deny('port', { name: NPM })],
  ['a name without rule', {}, { learned: learned([NPM, 200]) }, deny('default', { name: NPM })],
  [
    'a denied name',
    {},
    { names: new Map([[NPM, tcp('deny', 4, 443)]]), learned: learned([NPM, 200]) },
    deny('deny-rule', { rule: 4, name: NPM }),
  ],
  [
    'an address shared by a denied and an allowed name',
    {},
    {
      names: new Map([
        [GIT, tcp('deny', 4, 443)],
        [NPM, tcp('allow', 2, 443)],
      ]),
      learned: learned([GIT, 200], [0, 0], [NPM, 300]),
    },
    allow('name', { rule: 2, name: NPM, expires: 300 }),
  ],
  [
    'the refusal that tells most, with the first name that has it',
    {},
    {
      names: new Map([
        [1, tcp('allow', 1, 22)],
        [3, tcp('allow', 1, 23)],
      ]),
      learned: learned([9, 200], [2, 50], [1, 200], [3, 200], [4, 50]),
    },
    deny('port', { name: 1 }),
  ],
  [
    'a denied name tells more than another port, wherever it stands',
    {},
    {
      names: new Map([
        [1, tcp('allow', 1, 22)],
        [2, tcp('deny', 4, 443)],
      ]),
      learned: learned([1, 200], [2, 200]),
    },
    deny('deny-rule', { rule: 4, name: 2 }),
  ],
  [
    'expired tells more than no rule',
    {},
    { learned: learned([9, 200], [2, 50]) },
    deny('expired', { name: 2 }),
  ],
  [
    'an eighth name is not looked at',
    {},
    {
      names: new Map([[NPM, tcp('allow', 2, 443)]]),
      learned: learned(...Array.from({ length: 7 }, () => [9, 200] as const), [NPM, 200]),
    },
    deny('default', { name: 9 }),
  ],
  [
    'a prefix after a refused name',
    {},
    { learned: learned([9, 200]), cidrs: anywhere },
    allow('cidr', { rule: 1 }),
  ],
  [
    'a refused name and a prefix with other ports',
    {},
    { learned: learned([9, 200]), cidrs: [cidr('192.0.2.0/24', tcp('allow', 1, 22))] },
    deny('default', { name: 9 }),
  ],
  // 7: nothing matches
  ['nothing', {}, {}, deny('default')],
  [
    'someone else on this host',
    { daddr: ip('127.0.0.1'), local: 'foreign' },
    {},
    deny('local-service'),
  ],
  [
    'someone else on this host by rule',
    { daddr: ip('127.0.0.1'), local: 'foreign' },
    { cidrs: [cidr('127.0.0.1/32', tcp('allow', 1, 443))] },
    allow('cidr', { rule: 1 }),
  ],
];

for (const [what, query, state, expected] of cases) {
  test(`${expected.allow ? 'allow' : 'deny'} ${expected.reason}: ${what}`, () => {
    assert.deepEqual(verdict({ ...https, ...query }, { ...empty, ...state }), expected);
  });
}

test('the hook is an input that changes nothing', () => {
  for (const [, query, state] of cases) {
    const [first, ...others] = (['connect', 'sendmsg', 'packet'] as const).map((hook) =>
      verdict({ ...https, ...query, hook }, { ...empty, ...state }),
    );
    for (const other of others) assert.deepEqual(other, first);
  }
});

test('Observe lets pass what rules refuse and nothing that is always denied', () => {
  for (const reason of reasons) {
    const judged = { allow: false, reason, rule: 0, name: 0, expires: 0 };
    assert.equal(passes('Block', judged), false);
    assert.equal(passes('Observe', judged), !alwaysDeniedReasons.has(reason));
    assert.equal(passes('Block', { ...judged, allow: true }), true);
  }
});
