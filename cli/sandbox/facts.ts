/**
 * What the plan of a sandbox has to know about the host, read once before it is made. Everything that
 * touches the host is here; plan.ts only thinks.
 */
import {
  accessSync,
  constants,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Mount, readMounts } from '#agent/cgroup/mountinfo.ts';
import { failure } from '#api/error.ts';

import { type Capability, ownCapabilities } from './capabilities.ts';
import { errors } from './errors.ts';
import { boundSockets } from './sockets.ts';
import { type SandboxUser, safePath } from './user.ts';

export interface Programs {
  readonly sh: string;
  readonly bwrap: string;
  readonly unshare: string;
  readonly setpriv: string;
  readonly env: string;
}

export interface HostFacts {
  readonly user: SandboxUser;
  readonly programs: Programs;
  /** Resolved working folder. */
  readonly cwd: string;
  /** Resolved HOME of the user; undefined when there is none. */
  readonly home: string | undefined;
  /** Visible mounts. */
  readonly mounts: readonly Mount[];
  readonly sockets: readonly string[];
  readonly abstractSockets: readonly string[];
  readonly capabilities: ReadonlySet<Capability>;
  /** Where /etc/resolv.conf leads, the file itself may be missing; undefined when there is no entry. */
  readonly resolvConf: string | undefined;
  /** Folders and files of /proc that are not about processes. */
  readonly procEntries: readonly string[];
  /** Those of `harmlessRunFiles` that exist. */
  readonly runFiles: readonly string[];
  readonly hasBpfFolder: boolean;
  /** Our own configuration, where it exists: read-only whatever else is opened. */
  readonly ownFolders: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Put back read-only below the empty /run: parts of a system (NixOS, graphics), no sockets. */
const harmlessRunFiles = ['/run/booted-system', '/run/current-system', '/run/opengl-driver'];

/** Agents that start on demand; their sockets may exist while nobody listens. */
const socketsInHome = [
  '.gnupg/S.gpg-agent',
  '.gnupg/S.gpg-agent.browser',
  '.gnupg/S.gpg-agent.extra',
  '.gnupg/S.gpg-agent.ssh',
  '.gnupg/S.dirmngr',
  '.gnupg/S.keyboxd',
  '.gnupg/S.scdaemon',
  '.docker/run/docker.sock',
  '.docker/desktop/docker.sock',
  '.docker/desktop/docker-cli.sock',
  '.colima/docker.sock',
  '.colima/default/docker.sock',
  '.rd/docker.sock',
  '.local/share/containers/podman/machine/podman.sock',
  '.1password/agent.sock',
  '.bitwarden-ssh-agent.sock',
];

export interface FactsInput {
  readonly user: SandboxUser;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws TW_RUN_NO_PROGRAM, TW_RUN_NO_WORKING_FOLDER */
export function readFacts(input: FactsInput): HostFacts {
  const mounts = readMounts();
  const home = input.user.home === undefined ? undefined : resolvedFolder(input.user.home);
  const agents = home === undefined ? [] : socketsInHome.map((name) => `${home}/${name}`);
  const sshAgent = input.env.SSH_AUTH_SOCK;
  const known = [...agents, ...(sshAgent?.startsWith('/') ? [sshAgent] : [])];
  const sockets = boundSockets(mounts, known.map(resolvedOrSame));
  const cwd = resolvedFolder(input.cwd);
  if (cwd === undefined) throw failure(errors.noWorkingFolder);
  return {
    user: input.user,
    programs: findPrograms(),
    cwd,
    home,
    mounts,
    sockets: sockets.paths,
    abstractSockets: sockets.abstract,
    capabilities: ownCapabilities(),
    resolvConf: followLinks('/etc/resolv.conf'),
    procEntries: procEntries(),
    runFiles: harmlessRunFiles.filter((path) => resolvedFolder(path) !== undefined),
    hasBpfFolder: resolvedFolder('/sys/fs/bpf') !== undefined,
    ownFolders: ['/etc/torwacht'].filter((path) => resolvedFolder(path) === path),
    env: input.env,
  };
}

/** @throws TW_RUN_NO_PROGRAM */
export function findPrograms(): Programs {
  return {
    sh: findProgram('sh', 'dash'),
    bwrap: findProgram('bwrap', 'bubblewrap'),
    unshare: findProgram('unshare', 'util-linux'),
    setpriv: findProgram('setpriv', 'util-linux (Alpine: setpriv)'),
    env: findProgram('env', 'coreutils'),
  };
}

function findProgram(program: string, name: string): string {
  for (const folder of safePath.split(':')) {
    try {
      accessSync(`${folder}/${program}`, constants.X_OK);
      return `${folder}/${program}`;
    } catch {
      // Not here; the next folder may have it.
    }
  }
  throw failure(errors.noProgram, { program, package: name });
}

/** The folder without links in its path; undefined when there is no such folder. */
export function resolvedFolder(path: string): string | undefined {
  try {
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? real : undefined;
  } catch {
    return undefined;
  }
}

function resolvedOrSame(path: string): string {
  try {
    return `${realpathSync(dirname(path))}/${path.slice(path.lastIndexOf('/') + 1)}`;
  } catch {
    return path;
  }
}

/** Follows links as far as they lead, also to a file that is not there. */
export function followLinks(path: string): string | undefined {
  let at = path;
  for (let hops = 0; hops < 40; hops++) {
    const real = resolvedOrSame(at);
    try {
      at = resolve(dirname(real), readlinkSync(real));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // EINVAL: no link, so this is it. ENOENT: a link to nowhere, unless it is the first step.
      return code === 'EINVAL' || hops > 0 ? real : undefined;
    }
  }
  return undefined;
}

/**
 * Names in /proc of folders, and of files that can be written. By their names first: processes, of which any may
 * end meanwhile, are none of them, and the kernel does not always tell the type of an entry with its name.
 */
export function procEntries(): readonly string[] {
  return readdirSync('/proc').filter((name) => {
    if (/^\d+$/.test(name)) return false;
    const found = lstatSync(`/proc/${name}`, { throwIfNoEntry: false });
    if (!found || found.isSymbolicLink()) return false;
    return found.isDirectory() || (found.mode & 0o222) !== 0;
  });
}
