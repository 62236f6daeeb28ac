/** Ways out of what is held: another cgroup, another network namespace, another parent. */
import type { Group, Refused, Technique } from '../technique.ts';
import { joinNetwork, movedByRoot, outlive } from './escape-stories.ts';

const address = (n: number) => `198.51.100.${n}`;

/** A way there that the probe takes, after which it sends as it would without. */
function by(n: number, way: string, said: RegExp, opened: readonly string[] = []): Refused {
  return {
    step: `by ${way} tcp ${address(n)} 8000 secret-${n}`,
    free: /^ok, then ok$/,
    witness: { packets: address(n), port: 8000, protocol: 'tcp' },
    record: { row: { reason: 'default', ip: address(n), port: 8000 }, said },
    ...(opened.length === 0 ? {} : { opened }),
  };
}

/** The same with a datagram: what comes through a cable gets no answer. */
function cable(n: number, opened?: readonly string[]): Refused {
  return {
    ...by(n, 'cable', /^EPERM, then EPERM$/, opened),
    step: `by cable udp ${address(n)} 5000 secret-${n}`,
    witness: { packets: address(n), port: 5000, protocol: 'udp' },
    record: { row: { reason: 'default', ip: address(n), port: 5000 }, said: /^EPERM, then EPERM$/ },
  };
}

const USER_NAMESPACES = ['--allow-user-namespaces'];

const techniques: readonly Technique[] = [
  {
    id: 'cgroup-parent',
    title: 'Moving to the parent cgroup',
    how: 'Rules that hang on a cgroup no longer hold for a process that writes itself into another.',
    source: 'cgroups(7)',
    outcome: 'stopped',
    by: 'The cgroup tree is read-only inside, also for root.',
    attempts: [by(1, 'cgroup-root', /^EROFS, then EPERM$/)],
  },
  {
    id: 'cgroup-sibling',
    title: 'A cgroup of its own beside the one that is held',
    how: 'A new cgroup is made outside of the subtree to which the rules are attached.',
    source: 'cgroups(7)',
    outcome: 'stopped',
    by: 'The cgroup tree is read-only inside, and what lies below the target’s cgroup is held as well.',
    attempts: [by(2, 'new-cgroup', /^EROFS, then EPERM$/)],
  },
  {
    id: 'cgroup-remount',
    title: 'Mounting the cgroup tree again',
    how: 'A second mount of cgroup2 is writable where the first was made read-only.',
    source: 'CVE-2022-0492',
    outcome: 'stopped',
    by:
      'Mounting is refused; in a user namespace, where it is allowed, a mount shows the target’s own ' +
      'cgroup as its root and nothing above it.',
    attempts: [
      by(3, 'cgroup-mount', /^EPERM, then EPERM$/),
      by(4, 'user-cgroup-mount', /^ok, then EPERM$/, USER_NAMESPACES),
      by(7, 'user-cgroup-below', /^ok, then EPERM$/, USER_NAMESPACES),
    ],
  },
  {
    id: 'cgroup-clone',
    title: 'A child that is born in another cgroup',
    how: 'A clone3 with CLONE_INTO_CGROUP asks for the rights on a file and not for a writable mount.',
    source: 'kernel/cgroup/cgroup.c, cgroup_css_set_fork',
    outcome: 'stopped',
    by: 'The filter of system calls refuses clone3 in any case, and libraries fall back to clone.',
    attempts: [
      by(5, 'fork-into-cgroup', /^ENOSYS, then EPERM$/),
      by(6, 'fork-into-cgroup', /^ENOSYS, then EPERM$/, USER_NAMESPACES),
    ],
  },
  {
    id: 'user-namespace',
    title: 'Root of a new user namespace',
    how: 'In a user namespace a process has every capability, and takes with them what was withheld.',
    source: 'egress-filter AGENTS.md (user namespaces off)',
    outcome: 'stopped',
    by:
      'New user namespaces are refused; where a flag allows them, the cgroup holds all the same, and ' +
      'capabilities count for what is made inside.',
    attempts: [
      by(10, 'user', /^EPERM, then EPERM$/),
      by(11, 'user-by-clone', /^EPERM, then EPERM$/),
      by(12, 'user', /^ok, then EPERM$/, USER_NAMESPACES),
      by(13, 'user-by-clone', /^ok, then EPERM$/, USER_NAMESPACES),
      {
        ...by(18, 'user', /^ok, then EPERM$/, USER_NAMESPACES),
        step: `as-user ${by(18, 'user', /./).step}`,
      },
    ],
  },
  {
    id: 'network-namespace',
    title: 'Out of the network namespace and back',
    how: 'Rules of a namespace are not those of another one, and sockets of one can be used in the other.',
    source: 'network_namespaces(7); egress-filter AGENTS.md',
    outcome: 'stopped',
    by: 'No way leads back: another namespace has no link to the host’s, and sockets are judged by their cgroup.',
    attempts: [by(14, 'netns-and-back', /^EPERM, then EPERM$/)],
  },
  {
    id: 'network-namespace-cable',
    title: 'A network namespace with a cable into the host’s',
    how: 'A pair of veth links leads out of a new namespace; the host forwards what comes, and no local rule sees it.',
    source: 'Harden-Runner, Bullfrog: rules for one bridge alone',
    outcome: 'stopped',
    by:
      'Both ends need rights over both namespaces, and a user namespace gives none over the host’s. ' +
      'A tunnel through a socket is that socket’s traffic.',
    attempts: [cable(15), cable(17, USER_NAMESPACES)],
  },
  {
    id: 'kept-socket',
    title: 'A tunnel out of a namespace of its own',
    how: 'A socket that was made in the host’s network goes on there when its process has moved to a private one.',
    source: 'network_namespaces(7); slirp4netns, pasta',
    outcome: 'stopped',
    by: 'A socket’s packets are judged by the cgroup that made it, wherever its process is.',
    attempts: [
      {
        step: `kept ${address(22)} 5000 secret-22`,
        opened: USER_NAMESPACES,
        free: /^ok$/,
        witness: { packets: address(22), port: 5000, protocol: 'udp' },
        record: { row: { reason: 'default', ip: address(22), port: 5000 }, said: /^EPERM$/ },
      },
    ],
  },
  {
    id: 'detached-child',
    title: 'A child that is nobody’s',
    how: 'A process leaves its session, its terminal and its parent, and is no part of what is watched.',
    source: 'daemon(7)',
    outcome: 'stopped',
    by: 'A target is a cgroup, and a cgroup keeps every child whoever its parent is.',
    attempts: [by(16, 'daemon', /^ok, then EPERM$/)],
  },
  {
    id: 'outlive-the-command',
    title: 'Waiting until the command has ended',
    how: 'A process stays behind and sends when nobody watches any more.',
    source: 'daemon(7), nohup(1), at(1)',
    outcome: 'stopped',
    by: 'What the command leaves is ended and named before anything is taken away.',
    stories: { 'a process in a session of its own': outlive(address(20)) },
  },
  {
    id: 'network-namespace-of-another',
    title: 'The network namespace of another process',
    how: 'A call to setns takes a process into a network that no rule was made for.',
    source: 'setns(2)',
    outcome: 'stopped',
    by: 'Processes outside cannot be seen, /run/netns is empty inside, and setns is refused.',
    stories: { 'by its pid': joinNetwork(address(19)) },
  },
  {
    id: 'moved-by-root',
    title: 'Someone outside moves the process',
    how: 'Root on the host writes its pid into another cgroup, which no rule holds.',
    source: 'cgroups(7)',
    outcome: 'limit',
    by: 'Root on the host can do everything, and is trusted.',
    limit: 'Root on the host',
    stories: { 'it is then nobody’s': movedByRoot(address(21)) },
  },
];

export const escapes: Group = {
  label: 'escapes',
  policy: { allow: [{ fqdn: ['good.example.test'] }] },
  techniques,
  furnish: async (lab) => {
    lab.addAddress(address(15));
    lab.addAddress(address(17));
    lab.addAddress(address(22));
    const held = [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 18, 19, 20, 21].map(address);
    return {
      sinks: [await lab.sink(held.map((at) => ({ kind: 'tcp', address: at, port: 8000 })))],
    };
  },
};
