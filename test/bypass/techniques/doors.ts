/** Doors of the host beside the network's: kernel settings, devices, socket families, rights. */
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Call, Group, Technique } from '../technique.ts';
import { otherTerminal } from './door-stories.ts';

/** It can be done without torwacht; inside it ends so. */
const refused = (step: string, said: RegExp): Call => ({ step, free: /^ok$/, refused: said });

const NOT_WRITABLE = /^EROFS$/;
const NOT_THERE = /^ENOENT$/;

/** Numbers of include/linux/socket.h, with a type that each of them knows. */
const families = {
  AX25: [3, 2],
  IPX: [4, 2],
  KEY: [15, 3],
  PACKET: [17, 3],
  RDS: [21, 5],
  LLC: [26, 1],
  IB: [27, 1],
  CAN: [29, 3],
  TIPC: [30, 1],
  BLUETOOTH: [31, 3],
  PHONET: [35, 2],
  ALG: [38, 5],
  NFC: [39, 5],
  VSOCK: [40, 1],
  KCM: [41, 5],
  QIPCRTR: [42, 2],
  SMC: [43, 1],
  XDP: [44, 3],
  MCTP: [45, 2],
} as const;

const techniques: readonly Technique[] = [
  {
    id: 'kernel-settings',
    title: 'Settings that make the kernel run a program',
    how: 'A core pattern, a release agent or a helper’s path names a program that the kernel starts as root, outside.',
    source: 'CVE-2022-0492; core(5); proc_sys_kernel(5)',
    outcome: 'stopped',
    by: 'Of /proc only processes can be written to, and /sys is read-only, also for root.',
    attempts: [
      ...[
        '/proc/sys/kernel/core_pattern',
        '/proc/sys/kernel/modprobe',
        '/proc/sys/kernel/poweroff_cmd',
        '/proc/sys/net/ipv4/ip_forward',
        '/proc/sysrq-trigger',
        '/sys/kernel/uevent_helper',
        '/sys/fs/cgroup/systemd/release_agent',
        '/sys/fs/cgroup/memory/release_agent',
      ].map((path) => refused(`open-write ${path}`, NOT_WRITABLE)),
    ],
  },
  {
    id: 'system-folders',
    title: 'Files that someone else runs later',
    how: 'A line in a crontab, a unit, a profile or a program’s place is executed outside, as root.',
    source: 'cron(8), systemd.unit(5), ld.so(8)',
    outcome: 'stopped',
    by: 'The host’s file system is read-only but for the working folder and HOME.',
    attempts: [
      '/etc',
      '/etc/cron.d',
      '/etc/systemd/system',
      '/etc/profile.d',
      '/var/spool/cron/crontabs',
      '/var/lib/dpkg',
      '/usr/local/bin',
      '/usr/lib',
      '/boot',
    ].map((folder) => refused(`make-in ${folder}`, NOT_WRITABLE)),
  },
  {
    id: 'devices',
    title: 'Devices of the host',
    how: 'Memory, disks, a network tunnel or the hypervisor can be reached through a device file, made by oneself if need be.',
    source: 'mem(4), tun.txt of the kernel',
    outcome: 'stopped',
    by: 'The command has a small /dev of its own, cannot make devices, and its mounts do not open them.',
    attempts: [
      ...['mem', 'kmsg', 'net/tun', 'fuse', 'kvm', 'loop-control', 'ttyS0', 'vsock'].map((name) =>
        refused(`open-write /dev/${name}`, NOT_THERE),
      ),
      refused('make-device ./disk', /^EPERM$/),
    ],
  },
  {
    id: 'system-calls',
    title: 'Calls that act on the kernel itself',
    how: 'The calls bpf and perf_event_open detach or watch programs, userfaultfd and handles reach past checks, keyrings are shared.',
    source: 'bpf(2), perf_event_open(2), open_by_handle_at(2) (shocker), keyctl(2)',
    outcome: 'stopped',
    by: 'The filter of system calls refuses them in every ABI.',
    attempts: ['bpf-links', 'bpf-map', 'perf', 'userfaultfd', 'keyring', 'open-by-handle'].map(
      (name) => refused(`call ${name}`, /^EPERM$/),
    ),
  },
  {
    id: 'socket-families',
    title: 'Other families of sockets',
    how: 'Cgroup hooks see IPv4 and IPv6; frames, hypervisor sockets, buses and radios have families of their own.',
    source: 'socket(2); Bullfrog README (packet sockets)',
    outcome: 'stopped',
    by: 'The filter of system calls leaves UNIX, INET, INET6 and NETLINK; a flag opens one more by name.',
    attempts: [
      ...Object.entries(families).map(([name, [family, type]]) => ({
        ...refused(`socket ${family} ${type}`, /^EAFNOSUPPORT$/),
        what: `AF_${name}`,
      })),
      // A family that is opened needs a capability that is not.
      ...(['PACKET', 'XDP'] as const).map((name) => ({
        ...refused(`socket ${families[name].join(' ')}`, /^EPERM$/),
        what: `AF_${name}`,
        opened: ['--allow-family', name],
      })),
    ],
  },
  {
    id: 'netlink',
    title: 'Changing routes, links and firewall',
    how: 'NETLINK sockets are allowed, and with them root redirects traffic or takes rules away.',
    source: 'rtnetlink(7), nft(8)',
    outcome: 'stopped',
    by: 'NET_ADMIN is not given to root and cannot be had: the kernel refuses every change.',
    attempts: [
      { step: 'run ip route add 198.51.100.200/32 dev lo', said: /Operation not permitted/ },
      { step: 'run ip link add torwacht-probe type veth', said: /Operation not permitted/ },
      { step: 'run ip addr add 198.51.100.201/32 dev lo', said: /Operation not permitted/ },
      { step: 'run nft add table inet torwacht-probe', said: /Operation not permitted/ },
    ].map(({ step, said }) => ({ step, free: /^0 /, refused: said })),
  },
  {
    id: 'setuid',
    title: 'Programs with rights of their own',
    how: 'A set-user-ID program (sudo, mount) or one with file capabilities (ping) has more rights than who starts it.',
    source: 'execve(2), capabilities(7); Harden-Runner, Bullfrog (sudo)',
    outcome: 'stopped',
    by: 'The sandbox sets no_new_privs: an exec gives no rights. Root cannot put capabilities onto a file.',
    attempts: [
      { step: 'as-user run ./setuid-probe rights', free: /root, raw$/, refused: /user, bare$/ },
      refused('give-capability ./capable-probe', /^EPERM$/),
      { step: 'as-user run ./capable-probe rights', free: /user, raw$/, refused: /user, bare$/ },
      { step: 'rights', free: /^root, raw$/, refused: /^root, bare$/ },
    ],
  },
  {
    id: 'terminals',
    title: 'Typing into a terminal',
    how: 'TIOCSTI puts letters where the shell outside reads them; another terminal of the same user can be written to.',
    source: 'CVE-2017-5226 (bubblewrap), ioctl_tty(2)',
    outcome: 'stopped',
    by: 'TIOCSTI and TIOCLINUX are refused; terminals of others do not exist in the command’s /dev/pts.',
    attempts: [refused('call terminal', /^EPERM$/)],
    stories: { 'another terminal of the same user': otherTerminal },
  },
];

export const doors: Group = {
  label: 'doors',
  policy: { allow: [{ fqdn: ['good.example.test'] }] },
  techniques,
  furnish: async (lab) => {
    // An ordinary user executes what lies in the working folder.
    chmodSync(lab.folder, 0o755);
    const work = join(lab.folder, 'work');
    for (const name of ['setuid-probe', 'capable-probe']) {
      copyFileSync(join(work, 'probe'), join(work, name));
    }
    chmodSync(join(work, 'setuid-probe'), 0o4755);
    return {};
  },
};
