/** Lookups as a way out: transports and messages that a filter may not look into. */
import type { Furniture, Group, Technique } from '../technique.ts';
import { message, query, question, stream } from './messages.ts';

const DNS = '192.0.2.53';
const OTHER = '198.51.100.53';
const GOOD = 'good.example.test';
const allowed = { name: GOOD, address: '192.0.2.20' };

/** A name that nothing allows, with an address of its own behind it. */
const denied = (n: number) => ({ name: `d${n}.evil.test`, address: `198.51.100.${n}` });
const refusedName = (domain: string) => ({ row: { reason: 'default', domain } }) as const;

const techniques: readonly Technique[] = [
  {
    id: 'dns-over-tcp',
    title: 'DNS over TCP',
    how: 'A filter that reads queries on UDP port 53 does not see those in a TCP stream.',
    source: 'CVE-2026-32946, CVE-2025-47775',
    outcome: 'stopped',
    by: 'Port 53 of both protocols leads to the resolver, which judges each query.',
    attempts: [
      {
        what: 'a denied name over TCP',
        step: `dns-tcp ${DNS} 53 ${stream(message(question(denied(1).name)))}`,
        witness: { asked: denied(1).name },
        record: refusedName(denied(1).name),
      },
      {
        step: `tcp ${denied(1).address} 8000 secret-dns-over-tcp`,
        witness: { packets: denied(1).address },
        record: { row: { reason: 'default', ip: denied(1).address, port: 8000 } },
      },
    ],
  },
  {
    id: 'dns-pipelined',
    title: 'Several DNS messages in one segment',
    how: 'An allowed query stands in front, and only the first message of a segment is parsed.',
    source: 'CVE-2026-32946 write-up (pipelining)',
    outcome: 'stopped',
    by: 'The resolver ends the TCP connection itself and judges every message by its length.',
    attempts: [
      {
        what: 'an allowed name, then a denied one',
        step: `dns-tcp ${DNS} 53 ${stream(message(question(GOOD)), message(question(denied(2).name)))}`,
        witness: { asked: denied(2).name },
        record: refusedName(denied(2).name),
      },
    ],
  },
  {
    id: 'dns-other-server',
    title: 'A DNS server of the attacker’s',
    how: 'The query goes to another server than the host’s, which answers or reads what is in it.',
    source: 'Harden-Runner CVE-2026-32947; klangk #2264',
    outcome: 'stopped',
    by: 'Port 53 of any address leads to the resolver: the other server gets no packet.',
    attempts: [
      {
        what: 'over UDP',
        step: `dns-udp ${OTHER} 53 ${query(denied(3).name)}`,
        witness: { packets: OTHER, port: 53, protocol: 'udp' },
        record: refusedName(denied(3).name),
      },
      {
        what: 'over TCP',
        step: `dns-tcp ${OTHER} 53 ${stream(message(question(denied(4).name)))}`,
        witness: { packets: OTHER, port: 53, protocol: 'tcp' },
        record: refusedName(denied(4).name),
      },
    ],
  },
];

export const lookups: Group = {
  label: 'lookups',
  policy: {
    allow: [
      { fqdn: [GOOD], ports: [{ port: 8000 }] },
      // A rule opens no DNS server.
      { cidr: [`${OTHER}/32`], ports: [{ port: 53 }, { port: 53, protocol: 'UDP' }] },
    ],
  },
  techniques,
  furnish: async (lab): Promise<Furniture> => {
    const names = Object.fromEntries(
      [allowed, ...[1, 2, 3, 4].map(denied)].map(({ name, address }) => [
        name,
        [{ answers: [{ type: 'A' as const, name, ttl: 60, data: address }] }],
      ]),
    );
    const dns = [
      await lab.scriptedDns({ names }),
      await lab.scriptedDns({ address: OTHER, names }),
    ];
    return { dns, sinks: [] };
  },
};
