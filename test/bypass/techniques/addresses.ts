/** Destinations by another address than the filter’s rules have. */
import type { Technique } from '../technique.ts';
import { bad, bad6, row } from './places.ts';

export const addresses: readonly Technique[] = [
  {
    id: 'ipv6',
    title: 'IPv6',
    how: 'The filter is IPv4’s, and the machine has IPv6 as well.',
    source: 'Harden-Runner, Bullfrog, CargoWall (v4 only)',
    outcome: 'stopped',
    by: 'IPv6 is always denied, but for the command’s own loopback.',
    attempts: [
      {
        step: `tcp ${bad6(1)} 8000 secret`,
        witness: { packets: bad6(1) },
        record: row('ipv6', bad6(1)),
      },
      {
        step: `udp ${bad6(2)} 5000 secret`,
        witness: { packets: bad6(2) },
        record: row('ipv6', bad6(2)),
      },
      {
        what: 'port 53',
        step: `udp ${bad6(3)} 53 secret`,
        witness: { packets: bad6(3) },
        record: row('ipv6', bad6(3)),
      },
    ],
  },
  {
    id: 'mapped-addresses',
    title: 'IPv4 in IPv6 addresses',
    how: 'A socket of IPv6 reaches ::ffff:198.51.100.7 by IPv4, past the hooks of one or the other.',
    source: 'Linux net/ipv6/tcp_ipv6.c (ipv4_mapped)',
    outcome: 'stopped',
    by: 'Every hook takes ::ffff:0:0/96 as the IPv4 address that it is.',
    attempts: [
      {
        step: `tcp ::ffff:${bad(60)} 8000 secret`,
        witness: { packets: bad(60) },
        record: row('default', bad(60)),
      },
      {
        step: `udp ::ffff:${bad(61)} 5000 secret`,
        witness: { packets: bad(61) },
        record: row('default', bad(61)),
      },
      {
        step: `fast-open ::ffff:${bad(62)} 8000 secret`,
        witness: { packets: bad(62) },
        record: row('default', bad(62)),
      },
      {
        what: 'the metadata service',
        step: 'tcp ::ffff:169.254.169.254 80 secret',
        witness: { packets: '169.254.169.254' },
        record: { row: { reason: 'metadata', ip: '169.254.169.254' } },
      },
    ],
  },
  {
    id: 'multicast-broadcast',
    title: 'Multicast and broadcast',
    how: 'A neighbour reads what is sent to everybody, and no rule names such an address.',
    source: 'Inspektor Gadget (multicast passes)',
    outcome: 'stopped',
    by: '224.0.0.0/3 and 0.0.0.0/8 are always denied; a subnet’s broadcast address needs a rule as any other.',
    attempts: [
      {
        step: 'udp 224.0.0.251 5353 secret',
        witness: { packets: '224.0.0.251' },
        record: { row: { reason: 'multicast', ip: '224.0.0.251' } },
      },
      {
        step: 'udp-option broadcast 255.255.255.255 5000 secret',
        witness: { packets: '255.255.255.255' },
        record: { row: { reason: 'multicast', ip: '255.255.255.255' } },
      },
      {
        step: 'udp-option broadcast 203.0.113.255 5000 secret',
        witness: { packets: '203.0.113.255' },
        record: row('default', '203.0.113.255'),
      },
      {
        step: 'udp-option device=twlab-mark ff02::fb 5353 secret',
        witness: { packets: 'ff02::fb' },
        record: row('ipv6', 'ff02::fb'),
      },
    ],
  },
  {
    id: 'address-family',
    title: 'An address of another family than the socket',
    how: 'sendto takes an IPv4 address by an IPv6 socket, and one whose family is unset, past the hook of one family.',
    source: 'Linux net/ipv4/udp.c, net/ipv6/udp.c (sendmsg)',
    outcome: 'stopped',
    by: 'The kernel asks the hook of the protocol that is sent, and the packet hook reads the packet.',
    attempts: [
      {
        what: 'IPv4 by an IPv6 socket',
        step: `family inet6 inet ${bad(63)} 5000 secret`,
        witness: { packets: bad(63) },
        record: row('default', bad(63)),
      },
      {
        what: 'family unset',
        step: `family inet unspec ${bad(64)} 5000 secret`,
        witness: { packets: bad(64) },
        record: row('default', bad(64)),
      },
    ],
  },
  {
    id: 'multicast-join',
    title: 'Joining multicast groups',
    how: 'The number of the group that a program joins is data, and the kernel itself tells it to the neighbours (IGMP).',
    source: 'Linux net/ipv4/igmp.c (igmpv3_sendpack)',
    outcome: 'limit',
    by: 'The report belongs to no socket, so no hook of a cgroup sees it. It goes to the same link only.',
    limit: 'Joining a multicast group',
    attempts: [
      {
        what: 'a group whose number is data',
        step: 'join 239.7.7.7',
        witness: { packets: '224.0.0.22' },
        through: true,
      },
    ],
  },
  {
    id: 'unset-address',
    title: '0.0.0.0 and :: for this host',
    how: 'The unset address means loopback, and a rule about 127.0.0.1 does not match it.',
    source: 'ip(7); browsers’ “0.0.0.0 day”',
    outcome: 'stopped',
    by: 'The address hooks take it as loopback, where a service of someone else needs a rule.',
    attempts: (
      [
        ['0.0.0.0', '127.0.0.1', 'local-service'],
        ['::ffff:0.0.0.0', '127.0.0.1', 'local-service'],
        ['127.0.0.1', '127.0.0.1', 'local-service'],
        ['::ffff:127.0.0.1', '127.0.0.1', 'local-service'],
        ['203.0.113.254', '203.0.113.254', 'default'],
        ['::', '::1', 'ipv6'],
        ['::1', '::1', 'ipv6'],
      ] as const
    ).map(([address, ip, reason], at) => ({
      step: `tcp ${address} 7070 secret-local-${at}-`,
      witness: { text: `secret-local-${at}-` },
      record: { row: { reason, ip, port: 7070 } },
    })),
  },
];
