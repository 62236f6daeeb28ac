/**
 * Follows containerd's sandboxes. Its event stream has no replay, so after every connect all that run are
 * listed, and once more soon after: a start between the two is in one of them.
 *
 * A sandbox is told of as soon as its container's record says that its network is set up, and the pod's cgroup is there:
 * containerd 2 makes the record with all of that, 1.6 adds it. To attach then is a head start of all that the runtime
 * needs until the sandbox's process starts. Else it is told of when its task is created, which waits for its start.
 */
import { existsSync } from 'node:fs';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { failure } from '#api/error.ts';
import { native } from '#bpf/native.ts';
import type { ContainerWatcher, Sandbox, WatchHandlers } from '../watch/watcher.ts';
import { ContainerdClient, type Topic } from './client.ts';
import { errors } from './errors.ts';
import type { Container } from './gen/containers.ts';
import {
  ContainerCreate,
  ContainerUpdate,
  type Envelope,
  TaskCreate,
  TaskExit,
} from './gen/events.ts';
import { ContainerNames } from './names.ts';
import { cgroupOf, isSandbox, podOf, readPrepared, readSandbox } from './sandbox.ts';

export interface ContainerdOptions {
  readonly socket: string;
  /** ms before the next try, after so many that failed one after the other. */
  readonly backOff?: (failures: number) => number;
  /** ms from a connect to the second list. */
  readonly settle?: number;
  /** Of a path within the v2 tree. */
  cgroupExists(path: string): boolean;
}

/** From 100 ms to 5 s. */
const defaultBackOff = (failures: number): number => Math.min(5000, 100 * 2 ** (failures - 1));

const followed: readonly Topic[] = [
  '/containers/create',
  '/containers/update',
  '/tasks/create',
  '/tasks/exit',
];
/** Runtimes that change a sandbox's record when its network is set up; the others make it then. */
const networkFollows = /^containerd 1\./;
/** Records that wait for their task; the oldest are asked for once more. */
const MOST_EARLY = 256;

export class ContainerdWatcher implements ContainerWatcher {
  runtime = 'containerd';
  readonly #client: ContainerdClient;
  readonly #names: ContainerNames;
  readonly #options: Required<ContainerdOptions>;
  /** Records of containers that have no task yet. */
  readonly #early = new Map<string, Promise<Container | undefined>>();
  #handlers: WatchHandlers | undefined;
  #stream: ClientReadableStream<Envelope> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  /** The runtime's; 0: unknown, or none that we see. */
  #process = 0;

  constructor(options: ContainerdOptions) {
    this.#options = { backOff: defaultBackOff, settle: 1000, ...options };
    this.#client = new ContainerdClient(options.socket);
    this.#names = new ContainerNames(this.#client, (error) => this.#handlers?.fault(error));
  }

  containerName(cgroup: string): string | null | Promise<string | null> {
    return this.#names.of(cgroup);
  }

  start(handlers: WatchHandlers): void {
    this.#handlers = handlers;
    this.#connect();
  }

  list(): void {
    this.#list().catch((error: unknown) => this.#handlers?.fault(error));
  }

  close(): void {
    this.#handlers = undefined;
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#client.close();
  }

  #connect(): void {
    this.#process = this.#listener();
    const stream = this.#client.subscribe(followed);
    this.#stream = stream;
    let over = false;
    const end = (cause: unknown): void => {
      if (over) return;
      over = true;
      stream.cancel();
      this.#again(cause);
    };
    stream.on('data', (envelope: Envelope) => this.#event(envelope));
    stream.on('error', end);
    stream.on('end', () => end(new Error('the stream of events ended')));
    this.#list().then(() => {
      if (over) return;
      this.#failures = 0;
      this.#timer = setTimeout(() => this.#list().catch(end), this.#options.settle);
    }, end);
  }

  #listener(): number {
    try {
      return native().listenerOf(this.#options.socket);
    } catch {
      return 0;
    }
  }

  /** Says so, waits longer each time, and tries anew for ever. */
  #again(cause: unknown): void {
    if (this.#handlers === undefined) return;
    clearTimeout(this.#timer);
    this.#failures++;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#handlers.fault(failure(errors.lost, { socket: this.#options.socket, reason }, cause));
    this.#timer = setTimeout(() => this.#connect(), this.#options.backOff(this.#failures));
  }

  async #list(): Promise<void> {
    const [version, containers, running] = await Promise.all([
      this.#client.version(),
      this.#client.sandboxes(),
      this.#client.running(),
    ]);
    this.runtime = `containerd ${version}`;
    const found: Sandbox[] = [];
    const dead: Container[] = [];
    for (const container of containers) {
      const pid = running.get(container.id);
      if (pid === undefined) dead.push(container);
      else this.#read(container, pid, found);
    }
    const living = new Set(found.map(({ uid }) => uid));
    for (const container of dead) {
      if (living.has(podOf(container))) continue;
      const pid = await this.#survivor(container, running);
      if (pid !== undefined) this.#read(container, pid, found);
    }
    this.#handlers?.listed(found);
  }

  #read(container: Container, pid: number, found: Sandbox[]): void {
    try {
      found.push(readSandbox(container, pid));
    } catch (error) {
      this.#handlers?.fault(error);
    }
  }

  /**
   * A container that has outlived the process of its sandbox: it is in the same network namespace. Most sandboxes
   * without a process are of pods that have ended, cgroup and all.
   */
  async #survivor(
    sandbox: Container,
    running: ReadonlyMap<string, number>,
  ): Promise<number | undefined> {
    if (!this.#lives(sandbox)) return undefined;
    const containers = await this.#client.containersOf(podOf(sandbox));
    return containers.map(({ id }) => running.get(id)).find((pid) => pid !== undefined);
  }

  #lives(sandbox: Container): boolean {
    try {
      return this.#options.cgroupExists(cgroupOf(sandbox));
    } catch (error) {
      this.#handlers?.fault(error);
      return false;
    }
  }

  #event({ topic, event }: Envelope): void {
    const value = event?.value ?? Buffer.alloc(0);
    if (topic === '/tasks/exit') {
      const { containerId, id } = TaskExit.decode(value);
      // Processes that were executed in a container have an id of their own.
      if (containerId === id || id === '') this.#handlers?.ended(containerId);
    } else if (topic === '/tasks/create') {
      const { containerId, pid } = TaskCreate.decode(value);
      this.#created(containerId, pid).catch((error: unknown) => this.#handlers?.fault(error));
    } else if (topic === '/containers/update') {
      const { id, labels } = ContainerUpdate.decode(value);
      if (isSandbox({ labels })) this.#expect(id);
    } else if (topic === '/containers/create' && !networkFollows.test(this.runtime)) {
      this.#expect(ContainerCreate.decode(value).id);
    }
  }

  #expect(id: string): void {
    this.#early.set(id, this.#prepared(id));
    const [oldest] = this.#early.keys();
    if (this.#early.size > MOST_EARLY && oldest !== undefined) this.#early.delete(oldest);
  }

  /** What goes wrong here does so again when its task is there. */
  async #prepared(id: string): Promise<Container | undefined> {
    const container = await this.#client.container(id).catch(() => undefined);
    if (container === undefined || this.#process === 0 || !isSandbox(container)) return container;
    try {
      const sandbox = readPrepared(container, this.#process);
      // Gone, if its task came first.
      if (sandbox && this.#early.has(id) && this.#isThere(sandbox))
        this.#handlers?.started(sandbox);
    } catch {}
    return container;
  }

  #isThere({ cgroup, netns }: Sandbox): boolean {
    return existsSync(netns) && this.#options.cgroupExists(cgroup);
  }

  async #created(id: string, pid: number): Promise<void> {
    const early = this.#early.get(id);
    this.#early.delete(id);
    const container = (await early) ?? (await this.#client.container(id));
    if (container === undefined) return;
    this.#names.note(container);
    if (!isSandbox(container)) return;
    this.#handlers?.started(readSandbox(container, pid));
  }
}
