/**
 * The resolver's sockets in the hands of the agent's parent (parent.c): they live as long as it does, and a
 * new agent process takes them up where the one before died. Without a parent, sockets die with their process.
 */
import { failure } from '#api/error.ts';
import { native } from '#bpf/native.ts';
import type { SocketKind } from '../redirect/redirect.ts';
import { errors } from './errors.ts';

export interface KeptSocket {
  readonly kind: SocketKind;
  readonly address: string;
  readonly port: number;
  /** The mark that its packets must carry; 0: any. */
  readonly mark: number;
  readonly fd: number;
}

export interface SocketStore {
  /** Sockets of this owner that a process before this one left; they are the caller's from then on. */
  take(owner: string): readonly KeptSocket[];
  /** Keeps a socket beyond the end of this process. The descriptor stays the caller's. */
  put(owner: string, socket: KeptSocket): void;
  /** Lets go of all sockets of an owner. */
  drop(owner: string): void;
  /** Whose sockets were left and not taken. */
  owners(): readonly string[];
  /**
   * From now on an agent of another pod may take all of them over; this one is told to end then. To be called when
   * nobody else can write the maps. @throws TW_PARENT_OFFER
   */
  offer(): void;
}

/** Keeps nothing. */
export const noStore: SocketStore = {
  take: () => [],
  put: () => undefined,
  drop: () => undefined,
  owners: () => [],
  offer: () => undefined,
};

/**
 * The parent's end of the channel is told in TORWACHT_PARENT. Where another pod's agent keeps sockets on this node,
 * they are taken over and that agent has ended when this returns. @throws TW_PARENT_CHANNEL
 */
export function storeOf(env: Readonly<Record<string, string | undefined>>): SocketStore {
  const channel = Number(env.TORWACHT_PARENT ?? Number.NaN);
  return Number.isInteger(channel) ? new ParentStore(channel) : noStore;
}

class ParentStore implements SocketStore {
  readonly #channel: number;
  readonly #left = new Map<string, KeptSocket[]>();
  /** Keys under which the parent keeps something, by owner. */
  readonly #keys = new Map<string, Set<string>>();

  constructor(channel: number) {
    this.#channel = channel;
    this.#ask('<');
    for (let at = 0; ; at++) {
      const { text, fd } = this.#ask(`?${at}`);
      if (!text.startsWith('=')) return;
      const key = text.slice(1);
      const { owner, ...socket } = readKey(key);
      this.#note(owner, key);
      this.#left.set(owner, [...(this.#left.get(owner) ?? []), { ...socket, fd }]);
    }
  }

  take(owner: string): readonly KeptSocket[] {
    const sockets = this.#left.get(owner) ?? [];
    this.#left.delete(owner);
    return sockets;
  }

  put(owner: string, socket: KeptSocket): void {
    const key = writeKey(owner, socket);
    const { text } = this.#ask(`+${key}`, socket.fd);
    if (text !== '.') throw failure(errors.refused, { key, reason: text.slice(1) });
    this.#note(owner, key);
  }

  drop(owner: string): void {
    for (const key of this.#keys.get(owner) ?? []) this.#ask(`-${key}`);
    this.#keys.delete(owner);
    for (const { fd } of this.take(owner)) native().close(fd);
  }

  owners(): readonly string[] {
    return [...this.#left.keys()];
  }

  offer(): void {
    const { text } = this.#ask('>');
    if (text !== '.') throw failure(errors.offer, { reason: text.slice(1) });
  }

  #note(owner: string, key: string): void {
    this.#keys.set(owner, (this.#keys.get(owner) ?? new Set()).add(key));
  }

  #ask(text: string, fd = -1): { text: string; fd: number } {
    try {
      const answer = native().exchange(this.#channel, Buffer.from(text), fd);
      return { text: answer.message.toString(), fd: answer.fd };
    } catch (cause) {
      throw failure(errors.channel, { reason: (cause as Error).message }, cause);
    }
  }
}

function writeKey(owner: string, { kind, address, port, mark }: KeptSocket): string {
  return [owner, kind, address, port, mark].join(' ');
}

function readKey(key: string): { owner: string } & Omit<KeptSocket, 'fd'> {
  const [owner = '', kind = 'udp', address = '', port, mark] = key.split(' ');
  return { owner, kind: kind as SocketKind, address, port: Number(port), mark: Number(mark) };
}
