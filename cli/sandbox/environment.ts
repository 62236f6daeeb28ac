/**
 * The command's environment: the caller's, without the variables that lead to a daemon which would act
 * for the command, and with the names of the user that the command runs as.
 */
import { isWithin } from '#agent/cgroup/mountinfo.ts';

import type { SandboxUser } from './user.ts';

/** Name or prefix (ending in `*`) of what is taken out. */
const daemons: readonly string[] = [
  'BUILDKIT_HOST',
  'CONTAINERD_ADDRESS',
  'CONTAINER_HOST',
  'CONTAINER_RUNTIME_ENDPOINT',
  'DBUS_*',
  'DISPLAY',
  'DOCKER_HOST',
  'GNOME_KEYRING_CONTROL',
  'GPG_AGENT_INFO',
  'I3SOCK',
  'JOURNAL_STREAM',
  'LISTEN_FDNAMES',
  'LISTEN_FDS',
  'LISTEN_PID',
  'NOTIFY_SOCKET',
  'PIPEWIRE_*',
  'PKEXEC_UID',
  'PULSE_SERVER',
  'SESSION_MANAGER',
  'SSH_AGENT_PID',
  'SSH_AUTH_SOCK',
  'STY',
  'SUDO_*',
  'SWAYSOCK',
  'TMUX',
  'VSCODE_*IPC*',
  'WATCHDOG_*',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'XDG_RUNTIME_DIR',
];

const patterns = daemons.map((name) => new RegExp(`^${name.replaceAll('*', '.*')}$`));

export interface EnvironmentInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly user: SandboxUser;
  /** HOME as the command sees it. */
  readonly home: string;
  /** Sockets that a flag opened: a variable that points to one of them stays. */
  readonly allowedSockets: readonly string[];
  /** Does the command find a folder of that path that it may write to? */
  readonly isWritable: (path: string) => boolean;
}

export function commandEnvironment(input: EnvironmentInput): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(input.env)) {
    if (value !== undefined && isKept(name, value, input)) result[name] = value;
  }
  // The folder that the shell says it is in may be reached through a link that is not there inside.
  delete result.OLDPWD;
  result.HOME = input.home;
  if (input.user.uid !== 0 || input.env.SUDO_UID !== undefined) {
    delete result.MAIL;
    result.USER = input.user.name ?? String(input.user.uid);
    result.LOGNAME = result.USER;
    if (input.user.shell !== undefined) result.SHELL = input.user.shell;
  }
  return result;
}

function isKept(name: string, value: string, input: EnvironmentInput): boolean {
  if (['TMPDIR', 'TMP', 'TEMP'].includes(name)) return input.isWritable(value);
  if (!patterns.some((pattern) => pattern.test(name))) return true;
  return input.allowedSockets.some((socket) => pointsTo(value, socket));
}

/** `unix:///run/x.sock`, `unix:path=/run/x.sock,guid=…`, the path itself, or the folder it is in. */
function pointsTo(value: string, socket: string): boolean {
  const path = /\/.*/.exec(value.replace(/^[a-z]+:\/\//, ''))?.[0].split(/[,;]/)[0] ?? '';
  return path !== '' && isWithin(socket, path.length > 1 ? path.replace(/\/+$/, '') : path);
}
