/** Sockets that a filter takes for something else: kinds, options, earlier lives, other makers. */
import type { Attempt, Furniture, Group, Record, Technique } from '../technique.ts';
import {
  accepted,
  allowGood,
  bad,
  GOOD,
  inherit,
  knocked,
  learnedByAnother,
  lookup,
  narrowed,
  passed,
  passedLater,
  relisten,
  shared,
} from './connection-stories.ts';
import { ipv4, udp } from './packet-bytes.ts';

const denied = (ip: string): Record => ({ row: { reason: 'default', ip } });

const refused = (step: string, ip: string, more: Partial<Attempt> = {}): Attempt => ({
  step,
  witness: { packets: ip },
  record: denied(ip),
  ...more,
});

const uring = ['--allow-io-uring'];
const ring = (step: string, ip: string): Attempt[] => [
  { step, witness: { packets: ip }, record: { call: 'no ring: ENOSYS' } },
  refused(step, ip, { opened: uring }),
];

const techniques: readonly Technique[] = [
  {
    id: 'fast-open',
    title: 'TCP fast open',
    how: 'sendto with MSG_FASTOPEN, or TCP_FASTOPEN_CONNECT, opens a connection and sends data without a call to connect.',
    source: 'Linux net/ipv4/tcp.c (tcp_sendmsg_fastopen)',
    outcome: 'stopped',
    by: 'The kernel asks the hook of connect there too, and the packet hook judges the first segment.',
    attempts: [
      refused(`fast-open ${bad(1)} 8000 secret`, bad(1)),
      refused(`fast-open-connect ${bad(2)} 8000 secret`, bad(2)),
    ],
  },
  {
    id: 'mptcp',
    title: 'Multipath TCP',
    how: 'A connection of MPTCP is another protocol to the caller, and its subflows are sockets of the kernel’s.',
    source: 'Linux 3764b0c5651e (subflows of a work queue)',
    outcome: 'stopped',
    by: 'Each subflow connects and sends as a TCP socket of the command’s cgroup.',
    attempts: [
      refused(`mptcp ${bad(3)} 8000 secret`, bad(3)),
      refused(`mptcp-fast-open ${bad(4)} 8000 secret`, bad(4)),
      lookupFirst(),
      {
        step: `mptcp ${GOOD.address} 8000 hello`,
        what: 'an allowed one goes through',
        free: /^ok$/,
        held: /^ok$/,
      },
    ],
  },
  {
    id: 'io-uring',
    title: 'io_uring',
    how: 'The kernel connects and sends on the program’s behalf, where filters of system calls see nothing.',
    source: 'ARMO “Curing”, 2025',
    outcome: 'stopped',
    by: 'io_uring is refused; opened (`--allow-io-uring`), the same hooks stand in its way. With NET_RAW as well it makes packet sockets past the filter of system calls, as the flag says.',
    attempts: [
      ...ring(`uring-connect ${bad(5)} 8000 secret`, bad(5)),
      ...ring(`uring-sendmsg ${bad(6)} 5000 secret`, bad(6)),
      ...ring(`uring-thread ${bad(7)} 5000 secret`, bad(7)),
      {
        what: 'a packet socket through the ring',
        step: `uring-frame ${ipv4({ to: bad(8), protocol: 17, payload: udp(5000, 'secret') })}`,
        witness: { packets: bad(8) },
        record: { call: 'no socket: EPERM' },
        opened: uring,
      },
      {
        what: 'a packet socket through the ring',
        step: `uring-frame ${ipv4({ to: bad(9), protocol: 17, payload: udp(5000, 'secret') })}`,
        witness: { packets: bad(9) },
        through: true,
        opened: [...uring, '--allow-cap', 'NET_RAW'],
      },
    ],
  },
  {
    id: 'socket-options',
    title: 'Socket options that filters trust',
    how: 'A mark, a device, a foreign source address or a shared port makes the packet look like someone else’s.',
    source: 'egress-filter AUDIT S3 (SO_MARK)',
    outcome: 'stopped',
    by: 'Who sent a packet is told by its socket’s cgroup, and nothing else is asked. Marks and transparent sockets need capabilities.',
    attempts: [
      {
        step: `udp-option mark=0x1 ${bad(10)} 5000 secret`,
        witness: { packets: bad(10) },
        record: { call: 'option: EPERM' },
      },
      // Before 5.17 a mark needs NET_ADMIN.
      refused(`udp-option mark=0x1 ${bad(11)} 5000 secret`, bad(11), {
        opened: ['--allow-cap', 'NET_RAW'],
        record: { ...denied(bad(11)), earlier: 'option: EPERM' },
      }),
      // Before 5.17 a mark needs NET_ADMIN.
      refused(`tcp-option mark=0x539 ${bad(12)} 8000 secret`, bad(12), {
        opened: ['--allow-cap', 'NET_RAW'],
        record: { ...denied(bad(12)), earlier: 'option: EPERM' },
      }),
      refused(`tcp-option transparent ${bad(13)} 8000 secret`, bad(13), {
        opened: ['--allow-cap', 'NET_RAW'],
      }),
      refused(`udp-option device=twlab-mark ${bad(14)} 5000 secret`, bad(14)),
      refused(`tcp-option device=twlab-mark ${bad(15)} 8000 secret`, bad(15)),
      refused(`udp-option reuseport ${bad(16)} 5000 secret`, bad(16)),
      refused(`udp-option freebind ${bad(17)} 5000 secret`, bad(17)),
      refused(`udp-option dontroute 203.0.113.253 5000 secret`, '203.0.113.253'),
    ],
  },
  {
    id: 'reconnect',
    title: 'A socket that was allowed before',
    how: 'The verdict of the first connection is remembered, then the socket is taken back (AF_UNSPEC) and connected elsewhere.',
    source: 'Linux connect(2); caches of verdicts by socket cookie',
    outcome: 'stopped',
    by: 'What is remembered holds for one protocol, address and port, and connect asks again.',
    attempts: [
      lookupFirst(),
      refused(`reconnect ${GOOD.address} 8000 ${bad(18)} 8000 secret`, bad(18)),
    ],
    stories: {
      'a listener that was connected to an allowed name answers nobody else': relisten,
    },
  },
  {
    id: 'accepted-connection',
    title: 'Accepted connections',
    how: 'Someone outside connects, so that the command only answers; or both connect at once.',
    source: 'Linux net/ipv4/tcp_minisocks.c; conntrack ESTABLISHED rules',
    outcome: 'stopped',
    by: 'A reply is a packet that leaves, and is judged as such: the handshake does not end.',
    stories: { 'a connection from outside gets no answer': accepted },
  },
  {
    id: 'shared-port',
    title: 'Joining the port of a local service',
    how: 'A service of the same user shares its port (SO_REUSEPORT); the command joins, and has the kernel steer its datagrams to the service.',
    source: 'socket(7), SO_ATTACH_REUSEPORT_CBPF',
    outcome: 'stopped',
    by: 'Whom a local packet would reach is asked of the kernel, which says what the hash of the port says; the option that steers past the hash is refused by the filter of system calls.',
    stories: { 'datagrams of the command do not reach the service': shared },
  },
  {
    id: 'port-signals',
    title: 'Ports as signals',
    how: 'Someone outside knocks at ports; which of them the command has open is the message.',
    source: 'RFC 9293, 3.10.7.1 (resets from the closed state)',
    outcome: 'limit',
    by: 'The reset for a closed port is the kernel’s own and no program’s. It needs someone who can send packets to this host.',
    limit: 'Answers to who can reach this host.',
    stories: { 'a closed port resets, an open one is silent': knocked },
  },
  {
    id: 'inherited-socket',
    title: 'Inherited sockets',
    how: 'A socket that was open before the command began belongs to no cgroup that is held.',
    source: 'Linux kernel/cgroup/cgroup.c (cgroup_sk_alloc)',
    outcome: 'stopped',
    by: 'Sockets above standard error are closed before the command starts.',
    stories: {
      'a connected TCP socket at 7': inherit(7, 'tcp', 'inherited 7 secret-inherited', 'closed'),
      'a UDP socket at 9': inherit(9, 'udp', `inherited-to 9 ${bad(30)} 5000 secret`, 'closed'),
    },
  },
  {
    id: 'standard-streams',
    title: 'A socket as standard input, output or error',
    how: 'The same at 0, 1 or 2, which a command needs.',
    source: 'inetd, socat and containers’ attach',
    outcome: 'limit',
    by: 'They were made outside, and the caller gave them to the command: they are passed on.',
    limit: 'Sockets as standard input, output or error',
    stories: {
      'a connected TCP socket at 0': inherit(0, 'tcp', 'inherited 0 secret-standard', 'open'),
      'a UDP socket at 0': inherit(0, 'udp', `inherited-to 0 ${bad(31)} 5000 secret`, 'open'),
    },
  },
  {
    id: 'passed-socket',
    title: 'A socket passed over an abstract Unix socket',
    how: 'A program outside hands over a socket of its own (SCM_RIGHTS); its packets are that program’s.',
    source: 'unix(7)',
    outcome: 'stopped',
    by: 'From Linux 6.7 on, such a name leads to sockets of the same target alone; on older kernels it is a limit.',
    stories: { 'a UDP socket of a program outside': passed },
  },
  {
    id: 'passed-socket-later',
    title: 'A socket passed by an accomplice who comes later',
    how: 'The same over a path that is made in the working folder while the command runs.',
    source: 'unix(7)',
    outcome: 'limit',
    by: 'Sockets are looked for once, before the start; who gives its sockets away acts for the command.',
    limit: 'Sockets made later',
    stories: { 'a UDP socket of a program outside': passedLater },
  },
  {
    id: 'narrowed-policy',
    title: 'An open connection after the policy was narrowed',
    how: 'Established connections are let pass unseen, so a new policy does not reach them.',
    source: 'egress-filter AUDIT S2; CargoWall gateExistingConnections',
    outcome: 'stopped',
    by: 'A new policy makes every remembered verdict void; the next packet is judged by the name that it was opened for.',
    stories: { 'it carries nothing more': narrowed },
  },
  {
    id: 'learned-by-another',
    title: 'An address that another target looked up',
    how: 'Addresses of allowed names are kept in one list for all, and what one job looked up is open to the next.',
    source: 'kntrl (one allow map); Cilium pkg/fqdn (global cache)',
    outcome: 'stopped',
    by: 'Learned addresses are kept per target.',
    stories: { 'a second run with the same policy': learnedByAnother },
  },
];

function lookupFirst(): Attempt {
  return { what: 'the look-up of the allowed name', step: lookup, held: /7171818/ };
}

export const connections: Group = {
  label: 'connections',
  policy: { allow: [allowGood] },
  techniques,
  furnish: async (lab): Promise<Furniture> => {
    await lab.dnsmasq([GOOD]);
    const sinks = [
      await lab.sink([
        { kind: 'tcp', address: GOOD.address, port: 8000 },
        { kind: 'tcp', address: '198.51.100.39', port: 8000 },
      ]),
    ];
    return { sinks };
  },
};
