/** Packets that the sender makes himself, other protocols, and packets in pieces. */
import type { Attempt, Record, Technique } from '../technique.ts';
import { echo, ipv4, segment, udp } from './packet-bytes.ts';
import { bad, bad6, GOOD, row } from './places.ts';

const raw = ['--allow-cap', 'NET_RAW'];
const noSocket: Record = { call: 'no socket: EPERM' };

/** By a raw socket, which needs a capability: refused without it, and with it by the packet hook. */
function byRawSocket(
  what: string,
  [closed, open]: readonly [string, string],
  record: Record,
): Attempt[] {
  const address = (step: string): string =>
    step.split(' ').find((word) => /^\d+\.|:/.test(word)) ?? '';
  return [
    { what, step: closed, witness: { packets: address(closed) }, record: noSocket },
    { what, step: open, witness: { packets: address(open) }, record, opened: raw },
  ];
}

const otherProtocols: readonly (readonly [name: string, number: number])[] = [
  ['IPIP', 4],
  ['DCCP', 33],
  ['IPv6 in IPv4', 41],
  ['GRE', 47],
  ['ESP', 50],
  ['L2TP', 115],
  ['SCTP', 132],
  ['UDP-Lite', 136],
];

export const handmade: readonly Technique[] = [
  {
    id: 'raw-ip',
    title: 'Raw IP sockets',
    how: 'The program writes the packet itself: no connect, no sendmsg to a UDP socket, no connection.',
    source: 'Bullfrog README; CargoWall design',
    outcome: 'stopped',
    by: 'NET_RAW is not given. With it, the packet hook reads the header that leaves.',
    attempts: [
      ...byRawSocket(
        'a UDP packet',
        [
          `raw-packet ${bad(10)} ${ipv4({ to: bad(10), protocol: 17, payload: udp(5000, 'secret') })}`,
          `raw-packet ${bad(11)} ${ipv4({ to: bad(11), protocol: 17, payload: udp(5000, 'secret') })}`,
        ],
        { row: { reason: 'default', ip: bad(11), port: 5000, protocol: 'udp' } },
      ),
      ...byRawSocket(
        'a segment that claims an open connection',
        [
          `raw 6 ${bad(12)} ${segment(8000, 'secret').toString('hex')}`,
          `raw 6 ${bad(13)} ${segment(8000, 'secret').toString('hex')}`,
        ],
        { row: { reason: 'default', ip: bad(13), port: 8000, protocol: 'tcp' } },
      ),
      {
        what: 'sent towards an allowed address, another one in the header',
        step: `raw-packet ${GOOD} ${ipv4({ to: bad(14), protocol: 17, payload: udp(5000, 'secret') })}`,
        witness: { packets: bad(14) },
        record: row('default', bad(14)),
        opened: raw,
      },
      {
        what: 'by IPv6',
        step: `raw 17 ${bad6(10)} ${udp(5000, 'secret').toString('hex')}`,
        witness: { packets: bad6(10) },
        record: row('ipv6', bad6(10)),
        opened: raw,
      },
    ],
  },
  {
    id: 'packet-socket',
    title: 'Packet sockets',
    how: 'AF_PACKET hands frames to the device, below every hook of IP.',
    source: 'Bullfrog README; Linux net/packet/af_packet.c',
    outcome: 'stopped',
    by: 'The family is refused by the filter of system calls, and the capability is not given. With both opened (`--allow-family PACKET --allow-cap NET_RAW`) frames get through, as the flag says.',
    attempts: [
      {
        step: `frame ${ipv4({ to: bad(15), protocol: 17, payload: udp(5000, 'secret') })}`,
        what: 'a frame',
        witness: { packets: bad(15) },
        record: { call: 'no socket: EAFNOSUPPORT' },
      },
      {
        step: `frame ${ipv4({ to: bad(16), protocol: 17, payload: udp(5000, 'secret') })}`,
        what: 'a frame, with the family alone',
        witness: { packets: bad(16) },
        record: noSocket,
        opened: ['--allow-family', 'PACKET'],
      },
      {
        step: `frame ${ipv4({ to: bad(17), protocol: 17, payload: udp(5000, 'secret') })}`,
        what: 'a frame',
        witness: { packets: bad(17) },
        through: true,
        opened: ['--allow-family', 'PACKET', ...raw],
      },
    ],
  },
  {
    id: 'icmp-tunnel',
    title: 'ICMP tunnel',
    how: 'Data travels in echo requests, which a filter of ports lets pass.',
    source: 'CargoWall #43; always-pass rules of several peers',
    outcome: 'stopped',
    by: 'ICMP is always denied, by raw and by ping sockets, also to allowed addresses.',
    attempts: [
      ...byRawSocket(
        'an echo request by a raw socket',
        [
          `raw 1 ${bad(20)} ${echo('secret').toString('hex')}`,
          `raw 1 ${bad(21)} ${echo('secret').toString('hex')}`,
        ],
        row('icmp', bad(21)),
      ),
      {
        step: `ping ${bad(22)} secret`,
        witness: { packets: bad(22) },
        record: row('icmp', bad(22)),
      },
      {
        what: 'a ping socket, to an allowed address',
        step: 'ping 192.0.2.45 secret',
        witness: { packets: '192.0.2.45' },
        record: row('icmp', '192.0.2.45'),
      },
      {
        step: `ping ${bad6(22)} secret`,
        witness: { packets: bad6(22) },
        record: row('ipv6', bad6(22)),
      },
    ],
  },
  {
    id: 'other-protocols',
    title: 'SCTP, UDP-Lite, DCCP, GRE, IPIP and other protocols',
    how: 'Rules about TCP and UDP do not meet a protocol that has no such ports.',
    source: 'Linux net/ipv4/raw.c',
    outcome: 'stopped',
    by: 'Every protocol but TCP and UDP is always denied.',
    attempts: [
      {
        step: `udp-lite ${bad(30)} 5000 secret`,
        witness: { packets: bad(30) },
        record: row('protocol', bad(30)),
      },
      ...(['sctp', 'sctp-message', 'dccp', 'l2tp'] as const).map((kind, at) => ({
        step: `transport ${kind} ${bad(31 + at)} 5000 secret`,
        witness: { packets: bad(31 + at) },
        record: row('protocol', bad(31 + at)),
      })),
      ...otherProtocols.map(([name, number], at) => ({
        what: `${name} by a raw socket`,
        step: `raw ${number} ${bad(40 + at)} ${udp(5000, 'secret').toString('hex')}`,
        witness: { packets: bad(40 + at) },
        record: row('protocol', bad(40 + at)),
        opened: raw,
      })),
      {
        what: 'GRE to an allowed address',
        step: `raw 47 192.0.2.46 ${udp(5000, 'secret').toString('hex')}`,
        witness: { packets: '192.0.2.46' },
        record: row('protocol', '192.0.2.46'),
        opened: raw,
      },
    ],
  },
  {
    id: 'fragments',
    title: 'Fragments',
    how: 'A fragment beyond the first has no ports; a filter lets it pass or reads data as ports.',
    source: 'Harden-Runner, CargoWall, Inspektor Gadget (always pass)',
    outcome: 'stopped',
    by: 'The verdict comes before the kernel cuts a packet, and later fragments that someone sends himself are always denied.',
    attempts: [
      {
        what: 'a datagram that the kernel cuts',
        step: `udp-large ${bad(50)} 5000 4000`,
        witness: { packets: bad(50) },
        record: row('default', bad(50)),
      },
      {
        what: 'an allowed datagram that the kernel cuts arrives',
        step: `udp-large ${GOOD} 5000 4001`,
        held: /^ok$/,
      },
      {
        what: 'a first fragment',
        step: `raw-packet ${bad(51)} ${ipv4({ to: bad(51), protocol: 17, payload: udp(5000, 'secretsecret'), moreFragments: true })}`,
        witness: { packets: bad(51) },
        record: row('default', bad(51)),
        opened: raw,
      },
      {
        what: 'a later fragment to an allowed address',
        step: `raw-packet 192.0.2.47 ${ipv4({ to: '192.0.2.47', protocol: 17, payload: udp(5000, 'secret'), offset: 3 })}`,
        witness: { packets: '192.0.2.47' },
        record: { row: { reason: 'fragment', ip: '192.0.2.47', port: null } },
        opened: raw,
      },
      {
        what: 'a first fragment too short for its ports',
        step: `raw-packet 192.0.2.48 ${ipv4({ to: '192.0.2.48', protocol: 6, payload: Buffer.from([15]), moreFragments: true })}`,
        witness: { packets: '192.0.2.48' },
        record: { row: { reason: 'malformed', ip: '192.0.2.48', port: null } },
        opened: raw,
      },
    ],
  },
  {
    id: 'ip-options',
    title: 'IP options and source routes',
    how: 'A source route names an allowed address first and the real destination in the option; any option moves the ports.',
    source: 'RFC 791; Linux net/ipv4/af_inet.c (faddr)',
    outcome: 'stopped',
    by: 'The hooks see the real destination at connect and sendmsg; a packet with options is always denied.',
    attempts: [
      {
        what: 'a source route',
        step: `udp-option loose-route=192.0.2.49 ${bad(52)} 5000 secret`,
        witness: { packets: '192.0.2.49', protocol: 'udp' },
        record: { call: 'option: EPERM' },
      },
      {
        what: 'UDP by way of an allowed address',
        step: `udp-option loose-route=192.0.2.49 ${bad(55)} 5000 secret`,
        witness: { packets: '192.0.2.49', protocol: 'udp' },
        record: row('default', bad(55)),
        opened: raw,
      },
      {
        what: 'TCP by way of an allowed address',
        step: `tcp-option loose-route=192.0.2.49 ${bad(53)} 8000 secret`,
        witness: { packets: '192.0.2.49', protocol: 'tcp' },
        record: row('default', bad(53)),
        opened: raw,
      },
      {
        what: 'TCP to an allowed address by way of another',
        step: `tcp-option loose-route=${bad(54)} 192.0.2.50 8000 secret`,
        witness: { packets: bad(54) },
        record: { row: { reason: 'ip-options', ip: bad(54), port: null, protocol: 'tcp' } },
        opened: raw,
      },
      {
        what: 'options that do nothing, to an allowed address',
        step: 'udp-option nops 192.0.2.51 5000 secret',
        witness: { packets: '192.0.2.51' },
        record: { row: { reason: 'ip-options', ip: '192.0.2.51', port: null } },
      },
    ],
  },
];
