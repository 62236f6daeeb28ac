/**
 * UDP sockets of the addon: what came is read many at a time into one room that all sockets share, and sent in
 * place (ADR 26). None keeps the process alive.
 */
import { SocketAddress } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { type DatagramsHandle, native } from './native.ts';

/** `struct tw_place` of bpf/addon/datagrams.c, in bytes. */
const place = { size: 0, peerSize: 4, peer: 8, data: 36, bytes: 36 + 65_536 } as const;
const PLACES = 32;
const WORD = 4;

/** The memory is touched as far as datagrams fill it. */
const room = Buffer.alloc(PLACES * place.bytes);
const words = new Uint32Array(room.buffer, room.byteOffset, room.length / WORD);

/** Of a connected socket. */
const noPeer = Buffer.alloc(0);

/** Where a datagram came from, as the kernel writes it (`struct sockaddr`). */
export type Peer = Buffer;

/** `struct sockaddr_in` and `sockaddr_in6`, in bytes. */
const sockaddr = { port: 2, v4: 4, v6: 8, v4Size: 16 } as const;

export function addressOf(peer: Peer): string {
  if (peer.length === sockaddr.v4Size) return peer.subarray(sockaddr.v4, sockaddr.v4 + 4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => peer.readUInt16BE(sockaddr.v6 + 2 * i));
  const address = groups.map((group) => group.toString(16)).join(':');
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

export function portOf(peer: Peer): number {
  return peer.readUInt16BE(sockaddr.port);
}

export interface DatagramEvents {
  /** Both are copies. Throwing is for `failed`. */
  message(bytes: Buffer, peer: Peer): void;
  /** Something could not be read, or was thrown; the socket goes on. */
  failed(error: unknown): void;
}

export interface Datagrams {
  /** At once, or it throws an Error with the errno's name as `code`. */
  send(message: Uint8Array, peer?: Peer): void;
  /** Its port is free when this returns. Twice is fine. */
  close(): void;
}

/** @param fd of a UDP socket, taken over. @throws an Error with the errno's name as `code`. */
export function openDatagrams(fd: number, events: DatagramEvents): Datagrams {
  return new Socket(fd, events);
}

class Socket implements Datagrams {
  readonly #handle: DatagramsHandle;
  readonly #events: DatagramEvents;
  #open = true;

  constructor(fd: number, events: DatagramEvents) {
    this.#events = events;
    this.#handle = native().datagramsOpen(fd, room, (count, errno) => this.#came(count, errno));
  }

  send(message: Uint8Array, peer: Peer = noPeer): void {
    native().datagramsSend(this.#handle, asBuffer(message), peer);
  }

  close(): void {
    this.#open = false;
    native().datagramsClose(this.#handle);
  }

  #came(count: number, errno: number): void {
    if (errno !== 0) this.#events.failed(readError(errno));
    for (let at = 0; at < count * place.bytes && this.#open; at += place.bytes) {
      const size = words[(at + place.size) / WORD] as number;
      const peerSize = words[(at + place.peerSize) / WORD] as number;
      try {
        this.#events.message(
          copy(at + place.data, Math.min(size, place.bytes - place.data)),
          copy(at + place.peer, Math.min(peerSize, place.data - place.peer)),
        );
      } catch (error) {
        this.#events.failed(error);
      }
    }
  }
}

function readError(errno: number): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: a datagram could not be read`), { code });
}

function copy(from: number, size: number): Buffer {
  return Buffer.from(room.subarray(from, from + size));
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
