/** Datagrams and ports that a filter of TCP connections does not meet. */
import type { Technique } from '../technique.ts';
import { bad, GOOD, row } from './places.ts';

export const datagrams: readonly Technique[] = [
  {
    id: 'udp-unconnected',
    title: 'UDP without connect',
    how: 'A filter that watches connect does not see sendto and sendmsg with an address.',
    source: 'CVE-2026-25598',
    outcome: 'stopped',
    by: 'The hook of sendmsg refuses at once, and the packet hook judges each datagram.',
    attempts: [
      {
        step: `udp ${bad(1)} 5000 secret`,
        witness: { packets: bad(1) },
        record: row('default', bad(1)),
      },
      {
        step: `udp-connected ${bad(2)} 5000 secret`,
        witness: { packets: bad(2) },
        record: row('default', bad(2)),
      },
      {
        what: 'a socket that is connected to an allowed address sends elsewhere',
        step: `udp-elsewhere ${GOOD} 5000 ${bad(3)} 5000 secret`,
        witness: { packets: bad(3) },
        record: row('default', bad(3)),
      },
    ],
  },
  {
    id: 'sendmmsg',
    title: 'sendmmsg',
    how: 'One call sends many datagrams, and only the first address is looked at.',
    source: 'CVE-2026-25598',
    outcome: 'stopped',
    by: 'The kernel asks the hook for each message.',
    attempts: [
      {
        step: `sendmmsg ${GOOD} 5000 ${bad(4)} secret`,
        witness: { packets: bad(4) },
        record: row('default', bad(4)),
      },
    ],
  },
  {
    id: 'udp-443',
    title: 'QUIC: UDP port 443',
    how: 'A rule for TCP 443 is taken as one for port 443, and HTTP/3 goes by UDP.',
    source: 'Harden-Runner #112; Egret SECURITY (QUIC)',
    outcome: 'stopped',
    by: 'A rule is for one protocol, TCP unless it says UDP.',
    attempts: [
      {
        what: 'to an address whose TCP 443 is allowed',
        step: 'udp 192.0.2.43 443 secret',
        witness: { packets: '192.0.2.43', port: 443, protocol: 'udp' },
        record: row('port', '192.0.2.43'),
      },
      {
        step: `udp ${bad(5)} 443 secret`,
        witness: { packets: bad(5) },
        record: row('default', bad(5)),
      },
    ],
  },
  {
    id: 'dot',
    title: 'DNS over TLS and over QUIC',
    how: 'Port 853 reaches another resolver, whose answers nobody judges.',
    source: 'Egret SECURITY (residuals)',
    outcome: 'stopped',
    by: 'Port 853 is always denied, also to an address that a rule allows.',
    attempts: (['tcp', 'udp'] as const).map((protocol) => ({
      step: `${protocol} 192.0.2.44 853 secret`,
      witness: { packets: '192.0.2.44', port: 853, protocol },
      record: { row: { reason: 'dot', ip: '192.0.2.44', port: 853, protocol } },
    })),
  },
  {
    id: 'doh-address',
    title: 'DNS over HTTPS by address',
    how: 'An address of a public resolver lies in a prefix that a rule allows.',
    source: 'CVE-2026-32947',
    outcome: 'stopped',
    by: 'Addresses of public resolvers are a list that stands before every rule.',
    attempts: [
      {
        step: 'tcp 1.1.1.1 443 secret',
        witness: { packets: '1.1.1.1' },
        record: { row: { reason: 'doh', ip: '1.1.1.1', port: 443 } },
      },
      {
        what: 'another address of the same prefix is open',
        step: 'tcp 1.1.1.20 443 hello',
        held: /^ok$/,
      },
    ],
  },
];
