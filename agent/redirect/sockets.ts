/**
 * The resolver's sockets until somebody serves them: each descriptor is owned on every path. Those that a
 * process before this one left are taken up again; what came in the meantime waits in them.
 */
import { native } from '#bpf/native.ts';
import type { KeptSocket, SocketStore } from '../parent/kept-sockets.ts';
import type { Redirect, SocketKind } from './redirect.ts';

export interface SocketPlan {
  readonly sockets: readonly { readonly kind: SocketKind; readonly address: string }[];
  /** The same for all of them. 0: whatever is free; `other`: so too where the wanted one is taken. */
  readonly port: { readonly wanted: number; readonly other: boolean };
  /** 0: whoever reaches the sockets may ask. */
  readonly mark: number;
  /** Path of a network namespace; empty: our own. */
  readonly netns: string;
  /** Bytes that may wait in a UDP socket. */
  readonly room: number;
  /** Who keeps them beyond this process, and under which name. */
  readonly keep: { readonly store: SocketStore; readonly owner: string };
}

export interface OpenSockets extends Pick<Redirect, 'take' | 'close'> {
  readonly port: number;
}

/** Another number is tried so often when a chosen port is taken for one of the kinds. */
const TRIES = 20;

/** Opens them all, on one port. */
export function openSockets(plan: SocketPlan): OpenSockets {
  const { store, owner } = plan.keep;
  const left = store.take(owner);
  const open = takeUp(plan, left);
  // Others are in the way, or nobody's: an address of the namespace's has changed, say.
  if (open.length < left.length) store.drop(owner);
  const close = (): void => {
    for (const { fd } of open.splice(0)) native().close(fd);
  };
  for (let tries = 0; ; tries++) {
    const again = open.length;
    try {
      const port = openRest(plan, tries === 0 ? plan.port.wanted : 0, open);
      for (const socket of open) store.put(owner, socket);
      return { port, take: () => open.splice(0), close };
    } catch (cause) {
      for (const { fd } of open.splice(again)) native().close(fd);
      const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (taken && plan.port.other && tries < TRIES && again === 0) continue;
      close();
      throw cause;
    }
  }
}

/** Those that are what the plan wants; the others are closed. */
function takeUp({ sockets, port, mark }: SocketPlan, left: readonly KeptSocket[]): KeptSocket[] {
  return left.filter((one) => {
    const wanted =
      one.mark === mark &&
      one.port === port.wanted &&
      sockets.some(({ kind, address }) => kind === one.kind && address === one.address);
    if (!wanted) native().close(one.fd);
    return wanted;
  });
}

function openRest({ sockets, mark, netns, room }: SocketPlan, first: number, open: KeptSocket[]) {
  let port = first;
  for (const { kind, address } of sockets) {
    if (open.some((one) => one.kind === kind && one.address === address)) continue;
    const socket = native().openSocket(kind, address, port, mark, netns);
    open.push({ kind, address, port: socket.port, mark, fd: socket.fd });
    port = socket.port;
    if (kind.startsWith('udp')) native().receiveRoom(socket.fd, room);
  }
  return port;
}
