/** The lab of lookups and names: a DNS server that answers as its script says, and what a policy allows. */
import type { Answer } from 'dns-packet';
import type { PolicySpec } from '../../e2e/stage.ts';
import type { Lab } from '../../lab/lab.ts';
import type { DnsReply } from '../../lab/servers/scripted-dns-process.ts';
import type { Furniture, Record } from '../technique.ts';

export const DNS = '192.0.2.53';
/** Of the attacker's. */
export const OTHER = '198.51.100.53';
export const GOOD = 'good.example.test';

/** What the probe prints of an answer: our id, QR and RD and RA, the code (RFC 1035, 4.1.1). */
export const nxdomain = /^71718183/;
export const nodata = /^71718180/;

export const refusedName = (domain: string): Record => ({ row: { reason: 'default', domain } });

const a = (name: string, data: string, ttl = 60): Answer => ({ type: 'A', name, ttl, data });
const alias = (name: string, data: string): Answer => ({ type: 'CNAME', name, ttl: 60, data });
const one = (...answers: Answer[]): DnsReply[] => [{ answers }];
const at = '198.51.100.';

const inner: Readonly<{ [label: string]: string }> = {
  r1: '10.0.0.5',
  r2: '192.168.1.5',
  r3: '172.16.0.5',
  r4: '100.64.0.5',
  r5: '169.254.169.254',
  r6: '169.254.7.7',
  r7: '100.100.100.200',
  r8: '9.9.9.9',
  r9: '127.0.0.1',
};
const named = (label: string): string => `${label}.example.test`;

const names: Readonly<{ [name: string]: readonly DnsReply[] }> = {
  [GOOD]: one(a(GOOD, '192.0.2.20')),
  ...Object.fromEntries(
    [1, 2, 10, 11].map((n) => [`d${n}.evil.test`, one(a(`d${n}.evil.test`, `${at}${n}`))]),
  ),
  ...Object.fromEntries(
    Object.entries(inner).map(([label, address]) => [named(label), one(a(named(label), address))]),
  ),
  [named('r10')]: one(a(named('r10'), `${at}110`), a(named('r10'), '10.0.0.6')),
  // Over a denied name, over a public resolver's, over one that no policy can write.
  [named('c1')]: one(
    alias(named('c1'), 'denied4.wild.example.test'),
    a('denied4.wild.example.test', `${at}121`),
  ),
  [named('c2')]: one(
    alias(named('c2'), 'cdn.example.test'),
    alias('cdn.example.test', 'dns.google'),
    a('dns.google', `${at}122`),
  ),
  [named('c3')]: one(alias(named('c3'), 'odd!name.test'), a('odd!name.test', `${at}123`)),
  [named('owner')]: one(a(named('owner'), `${at}130`)),
  [named('moves')]: one(a(named('moves'), `${at}131`, 1)),
};

export const policy: PolicySpec = {
  allow: [
    {
      fqdn: [
        GOOD,
        '**.wild.example.test',
        ...['c1', 'c2', 'c3', 'owner', 'moves', 'r10', ...Object.keys(inner)].map(named),
      ],
      ports: [{ port: 8000 }],
    },
    // A rule opens no DNS server.
    { cidr: [`${OTHER}/32`], ports: [{ port: 53 }, { port: 53, protocol: 'UDP' }] },
  ],
  deny: [{ fqdn: [1, 2, 3, 4].map((n) => `denied${n}.wild.example.test`) }],
};

export async function furnish(lab: Lab): Promise<Furniture> {
  const dns = [await lab.scriptedDns({ names }), await lab.scriptedDns({ address: OTHER, names })];
  const sinks = [
    await lab.sink([{ kind: 'http', address: '192.0.2.20', port: 8000 }]),
    await lab.localSink([
      { kind: 'udp', address: '127.0.0.53', port: 53 },
      { kind: 'tcp', address: '127.0.0.1', port: 8000 },
    ]),
  ];
  return { dns, sinks };
}
