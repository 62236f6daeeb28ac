/**
 * The sandbox as bubblewrap's arguments: facts and openings in, argv out, nothing read and nothing
 * started. bwrap works through its arguments in order, so a later line is laid over an earlier one.
 *
 * The command's world: the host's root read-only; the working folder, HOME and private /tmp, /var/tmp
 * and /dev/shm writable; /run empty, since it holds the sockets of every daemon; other known sockets
 * covered; a small /dev; a new /proc whose parts that are not about processes are read-only.
 */
import { isWithin } from '#agent/cgroup/mountinfo.ts';

import { type Capability, parseCapability, rootCapabilities } from './capabilities.ts';
import { commandEnvironment } from './environment.ts';
import { errors } from './errors.ts';
import type { HostFacts } from './facts.ts';
import { defaultFamilies, familyNumber, parseFamily } from './families.ts';
import { closedMounts, privateFolders } from './folders.ts';
import type { Openings } from './openings.ts';
import { checked, chooseWritable, type Writable } from './writable.ts';

export interface PlanOptions {
  readonly openings: Openings;
  /** A file that stands in the place of /etc/resolv.conf; undefined leaves the host's. */
  readonly resolvConf?: string;
  /** Stay read-only even below a writable folder: our own state, the policy. Must exist. */
  readonly keepReadOnly?: readonly string[];
}

/** The argument of the addon's `seccompProgram`. */
export interface SeccompOptions {
  readonly families: readonly number[];
  readonly allowIoUring: boolean;
  readonly allowUserNamespaces: boolean;
}

export interface Plan {
  readonly programs: HostFacts['programs'];
  /** bwrap's arguments, without its fds and without `--` and what follows. */
  readonly bwrap: readonly string[];
  /** What bwrap starts, to become the user and give signals their default: argv before the command. */
  readonly prefix: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly seccomp: SeccompOptions;
  /** Folders that the command can write to and that are the host's own. */
  readonly writable: readonly string[];
  /** What the person should know before the command starts, a sentence each. */
  readonly notices: readonly string[];
}

/** Signals that the shell before bwrap ignores, and that the command gets back with their default. */
export const heldSignals = ['INT', 'QUIT', 'TERM', 'HUP', 'USR1', 'USR2'] as const;

/** @throws TW_RUN_ALLOW_… for an opening that cannot be */
export function makePlan(facts: HostFacts, options: PlanOptions): Plan {
  const { openings } = options;
  const writable = chooseWritable(facts, openings.allowWrite);
  const caps = chooseCapabilities(facts, openings.allowCap);
  const resolvConf =
    options.resolvConf === undefined ? [] : overResolvConf(facts, options.resolvConf);
  const home = facts.home ?? '/tmp';
  return {
    programs: facts.programs,
    bwrap: [
      ...['--unshare-pid', '--unshare-ipc', '--unshare-cgroup'],
      ...['--ro-bind', '/', '/'],
      ...kernelFolders(facts, writable),
      ...runFolder(facts),
      ...privateFolders.flatMap((folder) => ['--perms', '1777', '--tmpfs', folder]),
      ...openings.allowRead
        .map((path) => checked(path, errors.allowRead))
        .flatMap((path) => bind('--ro-bind', path)),
      ...writable.folders.flatMap((folder) => bind('--bind', folder)),
      ...below(facts, writable, openings, options.keepReadOnly ?? []),
      ...openings.allowSocket.flatMap((socket) => bind('--bind', socket)),
      ...resolvConf,
      ...(writable.emptyCwd ? [...parents(facts.cwd), '--dir', facts.cwd] : []),
      ...['--chdir', facts.cwd],
      ...['--cap-drop', 'ALL'],
      ...[...caps, ...forSetpriv(facts)].flatMap((cap) => ['--cap-add', `CAP_${cap}`]),
    ],
    prefix: [...setpriv(facts, caps), facts.programs.env, `--default-signal=${heldSignals}`, '--'],
    env: commandEnvironment({
      env: facts.env,
      user: facts.user,
      home,
      allowedSockets: openings.allowSocket,
      isWritable: (path) =>
        (privateFolders as readonly string[]).includes(path) ||
        writable.folders.some((folder) => isWithin(path, folder)),
    }),
    seccomp: {
      families: [...defaultFamilies, ...openings.allowFamily.map(parseFamily)].map(familyNumber),
      allowIoUring: openings.allowIoUring,
      allowUserNamespaces: openings.allowUserNamespaces,
    },
    writable: writable.folders,
    notices: writable.notices,
  };
}

/**
 * bwrap covers parts of /proc only where access(2) says that they are writable, and that is false for
 * /proc/sys, whose files root can write all the same: everything that is not a process is bound
 * read-only from the host's own /proc.
 */
function kernelFolders(facts: HostFacts, writable: Writable): readonly string[] {
  const closed = closedMounts(facts.mounts, writable.folders);
  const outside = closed.hidden.filter((path) => !writable.folders.some((f) => isWithin(path, f)));
  const bpf = facts.hasBpfFolder ? ['/sys/fs/bpf'] : [];
  return [
    ...['--dev', '/dev', '--proc', '/proc'],
    ...facts.procEntries.flatMap((name) => ['--ro-bind', `/proc/${name}`, `/proc/${name}`]),
    ...[...new Set([...bpf, ...outside])].flatMap((path) => ['--tmpfs', path]),
  ];
}

function runFolder(facts: HostFacts): readonly string[] {
  return ['--tmpfs', '/run', ...facts.runFiles.flatMap((path) => bind('--ro-bind', path))];
}

/** What lies below the writable folders, or beside them, and must not come with them. */
function below(
  facts: HostFacts,
  writable: Writable,
  openings: Openings,
  keepReadOnly: readonly string[],
): readonly string[] {
  const closed = closedMounts(facts.mounts, writable.folders);
  const isShown = (path: string) =>
    [...writable.folders, ...openings.allowRead].some((folder) => isWithin(path, folder)) ||
    !['/run', '/dev', '/proc', ...privateFolders].some((folder) => isWithin(path, folder));
  const hidden = closed.hidden.filter((path) => writable.folders.some((f) => isWithin(path, f)));
  const sockets = facts.sockets
    .filter((path) => isShown(path) && !openings.allowSocket.includes(path))
    .filter((path) => !closed.hidden.some((folder) => isWithin(path, folder)));
  return [
    ...closed.readOnly.flatMap((path) => ['--remount-ro', path]),
    ...hidden.flatMap((path) => ['--tmpfs', path]),
    ...[...facts.ownFolders, ...keepReadOnly]
      .filter(isShown)
      .flatMap((path) => ['--ro-bind', path, path]),
    // An open of a device fails on a mount without devices, and a connect finds no socket.
    ...sockets.flatMap((path) => ['--ro-bind', '/dev/null', path]),
  ];
}

/** Folders that start empty inside, so that what is bound below them lacks its parents. */
const emptyFolders: readonly string[] = ['/run', ...privateFolders];

/** bwrap would make missing parents itself, and for nobody but root (0700). */
function bind(kind: '--bind' | '--ro-bind', from: string, to = from): readonly string[] {
  return [...parents(to), kind, from, to];
}

function parents(path: string): readonly string[] {
  const base = emptyFolders.find((folder) => path !== folder && isWithin(path, folder));
  if (base === undefined) return [];
  const names = path
    .slice(base.length + 1)
    .split('/')
    .slice(0, -1);
  return names.flatMap((_, index) => ['--dir', `${base}/${names.slice(0, index + 1).join('/')}`]);
}

function overResolvConf(facts: HostFacts, file: string): readonly string[] {
  return facts.resolvConf === undefined ? [] : bind('--ro-bind', file, facts.resolvConf);
}

function chooseCapabilities(facts: HostFacts, allowed: readonly string[]): readonly Capability[] {
  const base = facts.user.uid === 0 ? rootCapabilities : [];
  const wanted = new Set([...base, ...allowed.map(parseCapability)]);
  return [...wanted].filter((cap) => facts.capabilities.has(cap));
}

/** What setpriv needs to become another user and to shrink the bounding set; it is gone after that. */
function forSetpriv(facts: HostFacts): readonly Capability[] {
  return facts.user.uid === 0 ? ['SETPCAP'] : ['SETUID', 'SETGID', 'SETPCAP'];
}

/**
 * bwrap leaves the bounding set of root as it was; setpriv shrinks it, for root too. An ordinary user
 * holds what a flag gave through the ambient set.
 */
function setpriv(facts: HostFacts, caps: readonly Capability[]): readonly string[] {
  const { uid, gid, groups } = facts.user;
  const set = ['-all', ...caps.map((cap) => `+${cap.toLowerCase()}`)].join(',');
  const asUser = [
    ...['--reuid', String(uid), '--regid', String(gid)],
    ...(groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')]),
  ];
  return [
    facts.programs.setpriv,
    ...(uid === 0 ? [] : asUser),
    `--inh-caps=${uid === 0 ? '-all' : set}`,
    `--ambient-caps=${uid === 0 ? '-all' : set}`,
    `--bounding-set=${set}`,
    '--',
  ];
}
