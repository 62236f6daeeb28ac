/** What this host has, asked of the parts that would use it. Everything that touches the host is here. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCgroup2, type Mount, readMounts } from '#agent/cgroup/mountinfo.ts';
import { taggedSockets } from '#agent/cgroup/tags.ts';
import { ContainerdClient } from '#agent/containerd/client.ts';
import { mounted } from '#agent/leftovers/bpffs.ts';
import { applyRules } from '#agent/redirect/nft.ts';
import { redirectRules } from '#agent/redirect/rules.ts';
import { TorwachtError } from '#api/error.ts';
import { Kernel } from '#bpf/kernel.ts';
import { needBtf } from '#bpf/load.ts';
import { type OptionalPart, singleTargetSizes } from '#bpf/programs.ts';
import { type Capability, ownCapabilities } from '../sandbox/capabilities.ts';
import { findPrograms } from '../sandbox/facts.ts';
import { safePath } from '../sandbox/user.ts';

/** What the host is to do: hold commands, hold pods. */
export const uses = ['run', 'agent'] as const;
export type Use = (typeof uses)[number];

/** What was tried, or what it was refused with; null where it could not be tried. */
export type Tried<T> = T | TorwachtError | null;

export interface NodeFacts {
  readonly kernel: string;
  readonly root: boolean;
  readonly capabilities: ReadonlySet<Capability>;
  /** True, or why types of the kernel cannot be had. */
  readonly btf: Tried<true>;
  /** Programs of ours, loaded once and taken out again: the parts that the kernel refused. */
  readonly programs: Tried<ReadonlySet<OptionalPart>>;
  /** What can take sockets out of their cgroup; undefined: nothing. Null: not asked. */
  readonly tagged: TorwachtError | undefined | null;
  readonly cgroup2: Tried<Pick<Mount, 'path' | 'options'>>;
  /** Are hierarchies of cgroup v1 mounted beside it? */
  readonly cgroup1: boolean;
  readonly bpffs: string | undefined;
  /** Active security modules; null where that cannot be read. */
  readonly lsm: readonly string[] | null;
  readonly containerd: { readonly socket: string; readonly found: ContainerdFound };
  /** Sockets of runtimes that are not followed. */
  readonly otherRuntimes: readonly string[];
  /** Our rules, put into a network namespace that was made for it. */
  readonly nftables: Tried<true>;
  readonly bubblewrap: Tried<true> | { readonly refused: string };
  /** Does AppArmor keep ordinary users from user namespaces? */
  readonly userNamespacesRestricted: boolean;
}

export type ContainerdFound =
  | { readonly version: string }
  | { readonly missing: true }
  | { readonly refused: string };

/** @param use what is asked about; what only the other needs is not tried */
export async function readNodeFacts(socket: string, use: Use | null): Promise<NodeFacts> {
  const root = process.getuid?.() === 0;
  const mounts = readMounts();
  return {
    kernel: release(),
    root,
    capabilities: ownCapabilities(),
    btf: tried(() => {
      needBtf();
      return true;
    }),
    ...(root ? await loaded() : { programs: null, tagged: null }),
    cgroup2: tried(() => findCgroup2(mounts)),
    cgroup1: mounts.some(({ type }) => type === 'cgroup'),
    bpffs: mounted(),
    lsm: text('/sys/kernel/security/lsm')?.trim().split(',') ?? null,
    containerd: { socket, found: await askContainerd(socket) },
    otherRuntimes: ['/run/crio/crio.sock', '/run/docker.sock'].filter(existsSync),
    nftables: root && use !== 'run' ? await tryNftables() : null,
    bubblewrap: use === 'agent' ? null : tryBubblewrap(),
    userNamespacesRestricted:
      text('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')?.trim() === '1',
  };
}

function tried<T>(work: () => T): T | TorwachtError {
  try {
    return work();
  } catch (error) {
    if (error instanceof TorwachtError) return error;
    throw error;
  }
}

/** Undefined where there is none, or where it may not be read. */
function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The very objects that `run` and agent load; nothing is attached or pinned. */
async function loaded(): Promise<Pick<NodeFacts, 'programs' | 'tagged'>> {
  try {
    const kernel = await Kernel.load(singleTargetSizes, { backstop: true });
    try {
      return { programs: new Set(kernel.missing.keys()), tagged: taggedSockets(kernel) };
    } finally {
      kernel.close();
    }
  } catch (error) {
    if (error instanceof TorwachtError) return { programs: error, tagged: null };
    throw error;
  }
}

async function askContainerd(socket: string): Promise<ContainerdFound> {
  if (!existsSync(socket)) return { missing: true };
  const client = new ContainerdClient(socket);
  try {
    return { version: await client.version() };
  } catch (error) {
    return { refused: (error as Error).message };
  } finally {
    client.close();
  }
}

/** ms until a process of its own has a namespace of its own. */
const PATIENCE = 30_000;

async function tryNftables(): Promise<NodeFacts['nftables']> {
  const child = spawn('unshare', ['--net', 'sleep', '120'], {
    stdio: 'ignore',
    env: { PATH: safePath },
  });
  const ended = new Promise((resolve) => {
    child.once('error', resolve).once('exit', resolve);
  });
  try {
    const netns = await Promise.race([namespaceOf(child), ended.then(() => null)]);
    if (netns === null) return null;
    await applyRules(netns, redirectRules([], null));
    return true;
  } catch (error) {
    if (error instanceof TorwachtError) return error;
    throw error;
  } finally {
    // Without one it was never started, and the signal would be for this whole process group.
    if (child.pid !== undefined) child.kill('SIGKILL');
    await ended;
  }
}

/** Null where none is made in time. */
async function namespaceOf({ pid }: ChildProcess): Promise<string | null> {
  const own = readlinkSync('/proc/self/ns/net');
  const path = `/proc/${pid}/ns/net`;
  for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(5)) {
    const link = linkOf(path);
    if (link === null) return null;
    if (link !== own) return path;
  }
  return null;
}

/** Null where the process is gone. */
function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** A sandbox with the namespaces of `torwacht run`, around nothing. */
function tryBubblewrap(): NodeFacts['bubblewrap'] {
  const programs = tried(findPrograms);
  if (programs instanceof TorwachtError) return programs;
  const namespaces = ['--unshare-pid', '--unshare-ipc', '--proc', '/proc', '--dev', '/dev'];
  const { status, stderr, error } = spawnSync(
    programs.bwrap,
    ['--ro-bind', '/', '/', ...namespaces, '--', programs.sh, '-c', 'exit 0'],
    { encoding: 'utf8', env: { PATH: safePath }, timeout: PATIENCE },
  );
  if (status === 0) return true;
  const [first = ''] = (stderr ?? '').trim().split('\n');
  return { refused: error?.message ?? (first || `bwrap ended with ${status}`) };
}
