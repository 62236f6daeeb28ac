/**
 * Follows containerd's sandboxes. Its event stream has no replay, so after every connect all that run are
 * listed, and once more soon after: a start between the two is in one of them.
 *
 * A task that was created has its namespaces and its cgroup, and waits for its start: to attach then is a
 * head start of what the runtime needs in between.
 */
import type { ClientReadableStream } from '@grpc/grpc-js';
import { failure } from '#api/error.ts';
import type { ContainerWatcher, Sandbox, WatchHandlers } from '../watch/watcher.ts';
import { ContainerdClient } from './client.ts';
import { errors } from './errors.ts';
import type { Container } from './gen/containers.ts';
import { type Envelope, TaskCreate, TaskExit } from './gen/events.ts';
import { ContainerNames } from './names.ts';
import { cgroupOf, isSandbox, podOf, readSandbox } from './sandbox.ts';

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

export class ContainerdWatcher implements ContainerWatcher {
  runtime = 'containerd';
  readonly #client: ContainerdClient;
  readonly #names: ContainerNames;
  readonly #options: Required<ContainerdOptions>;
  #handlers: WatchHandlers | undefined;
  #stream: ClientReadableStream<Envelope> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;

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
    const stream = this.#client.subscribe();
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
    }
  }

  async #created(id: string, pid: number): Promise<void> {
    const container = await this.#client.container(id);
    if (container === undefined) return;
    this.#names.note(container);
    if (!isSandbox(container)) return;
    this.#handlers?.started(readSandbox(container, pid));
  }
}
