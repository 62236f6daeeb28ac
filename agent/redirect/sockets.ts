/** The resolver's sockets until somebody serves them: each descriptor is owned on every path. */
import { native } from '#bpf/native.ts';
import type { Redirect, SocketKind } from './redirect.ts';

export interface SocketPlan {
  readonly sockets: readonly { readonly kind: SocketKind; readonly address: string }[];
  /** 0: whatever is free, the same for all of them. */
  readonly port: number;
  /** 0: whoever reaches the sockets may ask. */
  readonly mark: number;
  /** Path of a network namespace; empty: our own. */
  readonly netns: string;
  /** Bytes that may wait in a UDP socket. */
  readonly room: number;
}

export interface OpenSockets extends Pick<Redirect, 'take' | 'close'> {
  readonly port: number;
}

type Open = { readonly kind: SocketKind; readonly fd: number }[];

/** Another number is tried so often when a chosen port is taken for one of the kinds. */
const TRIES = 20;

/** Opens them all, on one port. */
export function openSockets(plan: SocketPlan): OpenSockets {
  for (let tries = 0; ; tries++) {
    const open: Open = [];
    const close = (): void => {
      for (const { fd } of open.splice(0)) native().close(fd);
    };
    try {
      return { port: openAll(plan, open), take: () => open.splice(0), close };
    } catch (cause) {
      close();
      const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || plan.port !== 0 || tries === TRIES) throw cause;
    }
  }
}

function openAll({ sockets, mark, netns, room, ...plan }: SocketPlan, open: Open): number {
  let { port } = plan;
  for (const { kind, address } of sockets) {
    const socket = native().openSocket(kind, address, port, mark, netns);
    open.push({ kind, fd: socket.fd });
    port = socket.port;
    if (kind.startsWith('udp')) native().receiveRoom(socket.fd, room);
  }
  return port;
}
