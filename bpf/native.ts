/**
 * The typed face of the addon (bpf/addon). Handles are opaque; Buffers are in native byte order unless
 * said otherwise; every function throws an Error whose `code` is the errno's name.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

declare const handle: unique symbol;
export type EngineHandle = { readonly [handle]: 'engine' };
export type LinkHandle = { readonly [handle]: 'link' };
export type DatagramsHandle = { readonly [handle]: 'datagrams' };
export type HostLinksHandle = { readonly [handle]: 'host links' };
export type RingHandle = { readonly [handle]: 'ring' };

export interface StructLayout {
  readonly size: number;
  /** Byte offset by field. */
  readonly fields: Readonly<Record<string, number>>;
}

/** A type as the kernel keeps it with a map; `size` is that of one element. */
export interface Shape {
  readonly size: number;
  readonly fields?: Readonly<Record<string, Shape & { offset: number; count: number }>>;
}

/** A link as its own namespace has it. */
export interface Interface {
  readonly index: number;
  /** Index of the other end in its namespace; 0 where there is none. */
  readonly peer: number;
  readonly name: string;
  /** `veth`, `bridge`, `macvlan`…; empty for loopback and hardware. */
  readonly kind: string;
  /** Index of the other end in our namespace, where `hostLinks` knows that it is there. */
  readonly end?: number;
}

export interface Native {
  /**
   * Loads an object; `sizes` replaces a map's number of entries, programs of `without` are left out. Maps
   * are those that are pinned in the folder `pins`, or get pinned there; empty: none is.
   * Throws with the verifier's words as the message when the kernel refuses a program.
   */
  load(
    path: string,
    sizes: Readonly<Record<string, number>>,
    without: readonly string[],
    pins: string,
  ): EngineHandle;
  /** The same on another thread. Throws for bad arguments, rejects when the kernel refuses. */
  loadLater(
    path: string,
    sizes: Readonly<Record<string, number>>,
    without: readonly string[],
    pins: string,
  ): Promise<EngineHandle>;
  /** Maps that are pinned in a folder, by their names; the handle holds no program. */
  openPinned(folder: string, names: readonly string[]): EngineHandle;
  unload(engine: EngineHandle): void;

  mapUpdate(engine: EngineHandle, map: string, key: Buffer, value: Buffer, flags: number): void;
  /** Writes into `value`; false when there is no such key. */
  mapLookup(engine: EngineHandle, map: string, key: Buffer, value: Buffer): boolean;
  mapDelete(engine: EngineHandle, map: string, key: Buffer): boolean;
  /** All keys one after another; a key can stand there twice while the map changes. */
  mapKeys(engine: EngineHandle, map: string): Buffer;
  /** All elements of an array, one after another. */
  mapValues(engine: EngineHandle, map: string): Buffer;
  /** The types of keys and values; a map without types has none. */
  mapShapes(engine: EngineHandle): Readonly<Record<string, { key?: Shape; value?: Shape }>>;
  /** How many elements a map has room for. */
  mapEntries(engine: EngineHandle, map: string): number;
  /** One atomic 64-bit store into an element of a mappable array. */
  mapStore(engine: EngineHandle, map: string, index: number, value: bigint): void;
  /**
   * Writes into an element of a mappable array without a system call, by whole words of 8 bytes: `offset` is that of
   * a word, and the last word is filled up with zeros.
   */
  mapWrite(engine: EngineHandle, map: string, index: number, offset: number, bytes: Buffer): void;

  /**
   * Attaches a program to a cgroup and pins the link; it outlives this process. A link that is pinned
   * there already gets the program instead, with no moment in between. On another thread: one lock of the
   * kernel's stands before all cgroups. Throws for bad arguments, rejects where the kernel refuses.
   */
  attachCgroup(engine: EngineHandle, program: string, cgroup: string, pin: string): Promise<void>;
  /** Attaches a tracepoint program until `detach` or the end of this process. */
  attachTrace(engine: EngineHandle, program: string): LinkHandle;
  detach(link: LinkHandle): void;

  /** Calls back once per wake-up with all records, each preceded by its size in 32 bits. */
  ringOpen(engine: EngineHandle, map: string, callback: (records: Buffer) => void): RingHandle;
  /** Gives what was still waiting. */
  ringClose(ring: RingHandle): Buffer | undefined;

  /** The frame starts at layer 2; `ifindex` is where the packet is on its way to, 0 for loopback. */
  testRun(
    engine: EngineHandle,
    program: string,
    frame: Buffer,
    repeat: number,
    ifindex: number,
  ): { result: number; nanoseconds: number };
  runStats(engine: EngineHandle, program: string): { runs: number; nanoseconds: number };
  /** A file descriptor; the kernel keeps statistics while it is open. */
  enableStats(): number;
  /** Structs named tw_* as the compiler laid them out. */
  layout(object: string): Record<string, StructLayout>;
  /** Maps of an object: type, size of key and value, entries, flags. */
  mapDefinitions(object: string): Record<string, number[]>;

  /**
   * A socket, bound, not listening. With a mark it takes only packets that carry it. `netns` is the path
   * of a network namespace to make it in; empty: our own.
   */
  openSocket(
    kind: 'udp' | 'tcp' | 'udp6' | 'tcp6',
    address: string,
    port: number,
    mark: number,
    netns: string,
  ): { fd: number; port: number };
  /** Keeps the veths of our network namespace in mind for `interfaces`, until nobody has the handle any more. */
  hostLinks(): HostLinksHandle;
  // What follows works on another thread: the kernel may keep it waiting. It throws for bad arguments.
  /**
   * Links of a network namespace, and its IPv4 addresses (host order). Where `ours` knows the ends of all of its
   * links, that are veths then, the kernel is asked for nothing that waits for its lock on links.
   */
  interfaces(
    netns: string,
    ours: HostLinksHandle | null,
  ): Promise<{ links: Interface[]; addresses: number[] }>;
  /** The link of our own namespace with this index, if there is one. */
  ownInterface(index: number): Promise<Interface | undefined>;
  /**
   * Gives netfilter a batch of netlink messages, all or none; the last must ask for an acknowledgement.
   * `netns`: where.
   */
  netfilterBatch(netns: string, messages: Buffer): Promise<void>;
  /** Makes connection tracking forget flows to this port; how many there were. */
  forgetFlows(netns: string, port: number): Promise<number>;
  /** Puts a program before everything that comes in by this link, for as long as the link lives. */
  attachBackstop(engine: EngineHandle, program: string, ifindex: number): Promise<void>;

  /** A UDP socket that takes nothing from anywhere else; a descriptor. */
  connectSocket(kind: 'udp' | 'udp6', address: string, port: number): number;
  /** Where a socket of IPv4 or IPv6 is bound. */
  socketName(fd: number): { address: string; port: number };
  /**
   * Takes a UDP socket over and calls back once per wake-up with the number of places of `room` that have been
   * filled (bpf/datagrams.ts), or with none and the errno. The next wake-up of any socket fills them again.
   */
  datagramsOpen(
    fd: number,
    room: Buffer,
    callback: (count: number, errno: number) => void,
  ): DatagramsHandle;
  /** At once, or it throws. `peer` as it stood in a place; empty: the one that the socket is connected to. */
  datagramsSend(socket: DatagramsHandle, message: Buffer, peer: Buffer): void;
  datagramsClose(socket: DatagramsHandle): void;
  /** The process that listens at a Unix socket; 0: none that this one can see. */
  listenerOf(path: string): number;
  /** How many bytes of datagrams may wait unread in a socket; the kernel's own share comes on top. */
  receiveRoom(fd: number, bytes: number): void;
  /** A descriptor of ours for what another process has open at one of its. */
  descriptorOf(pid: number, fd: number): number;
  /** One message to the agent's parent, with a descriptor unless `fd` is -1, and its answer. */
  exchange(channel: number, message: Buffer, fd: number): { message: Buffer; fd: number };
  /** Possible processors: how many values an element of a per-CPU map has. */
  processors(): number;
  /** CLOCK_BOOTTIME in ns. */
  bootTime(): bigint;
  /** The system has back what malloc keeps free between what is in use; some milliseconds, on another thread. */
  releaseMemory(): Promise<void>;
  /** ns of one jiffy. */
  jiffy(): number;
  /** Makes a folder ours until the descriptor is closed. Throws EAGAIN where it is another's. */
  lock(folder: string): number;
  /**
   * Opens a file by somebody's rights over files, which the calling thread alone has meanwhile: what other threads do
   * needs root. `flags` are those of open(2), `groups` are numbers of 32 bits; a new file has mode 0644.
   */
  openAs(path: string, flags: number, uid: number, gid: number, groups: Buffer): number;
  close(fd: number): void;
  seccompProgram(options: {
    families: readonly number[];
    allowIoUring: boolean;
    allowUserNamespaces: boolean;
  }): Buffer;
}

/** Where the built parts are: in build/ when the sources run, else beside the bundle. */
function builtFolder(): string {
  const here = import.meta.dirname;
  if (import.meta.filename.endsWith('.ts')) return join(here, '../build');
  // A bundle's own parts are in a folder that is called as it is.
  return existsSync(`${here}.mjs`) ? dirname(here) : here;
}

export function builtPath(name: string): string {
  return join(builtFolder(), name);
}

let loaded: Native | undefined;

/** The addon, loaded at the first call. @throws TW_BPF_NOT_BUILT, TW_BPF_ADDON */
export function native(): Native {
  if (loaded) return loaded;
  const path = process.env.TORWACHT_ADDON ?? builtPath('torwacht.node');
  if (!existsSync(path)) throw failure(errors.notBuilt, { path });
  try {
    loaded = createRequire(import.meta.url)(path) as Native;
  } catch (cause) {
    throw failure(errors.wrongAddon, { reason: (cause as Error).message }, cause);
  }
  return loaded;
}
