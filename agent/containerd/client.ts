/** containerd's services that we need, over its socket, with a deadline on every call. */
import { type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type Container, ContainersClient } from './gen/containers.ts';
import { type Envelope, EventsClient } from './gen/events.ts';
import { TasksClient } from './gen/tasks.ts';
import { VersionClient } from './gen/version.ts';

/** Where containerd listens unless its configuration says otherwise. */
export const usualSocket = '/run/containerd/containerd.sock';

/** Kubernetes' containers; containerd keeps everything by namespace. */
const NAMESPACE = 'k8s.io';
/** A call that takes longer has met a containerd that hangs, ms. */
const DEADLINE = 10_000;
/** A node may hold many containers, and their specs are large. */
const LARGEST = 64 << 20;

export type Topic = `/containers/${'create' | 'update'}` | `/tasks/${'create' | 'start' | 'exit'}`;

export class ContainerdClient {
  readonly #events: EventsClient;
  readonly #containers: ContainersClient;
  readonly #tasks: TasksClient;
  readonly #version: VersionClient;
  readonly #metadata = new Metadata();

  constructor(socket: string) {
    const address = `unix:${socket}`;
    const insecure = credentials.createInsecure();
    const options = { 'grpc.max_receive_message_length': LARGEST };
    this.#metadata.set('containerd-namespace', NAMESPACE);
    this.#events = new EventsClient(address, insecure, options);
    this.#containers = new ContainersClient(address, insecure, options);
    this.#tasks = new TasksClient(address, insecure, options);
    this.#version = new VersionClient(address, insecure, options);
  }

  async version(): Promise<string> {
    const { version } = await call<{ version: string }>((done) =>
      this.#version.version({}, this.#metadata, until(DEADLINE), done),
    );
    return version.replace(/^v/, '');
  }

  /** What happens, until the stream ends or is cancelled. */
  subscribe(topics: readonly Topic[]): ClientReadableStream<Envelope> {
    const filters = topics.map((topic) => `namespace==${NAMESPACE},topic=="${topic}"`);
    return this.#events.subscribe({ filters }, this.#metadata);
  }

  /** Undefined when it has gone in the meantime. */
  async container(id: string): Promise<Container | undefined> {
    try {
      const { container } = await call<{ container: Container | undefined }>((done) =>
        this.#containers.get({ id }, this.#metadata, until(DEADLINE), done),
      );
      return container;
    } catch (error) {
      if ((error as ServiceError).code === NOT_FOUND) return undefined;
      throw error;
    }
  }

  async sandboxes(): Promise<readonly Container[]> {
    return await this.#list('labels."io.cri-containerd.kind"==sandbox');
  }

  /** Of a pod, by its uid, without its sandbox. */
  async containersOf(uid: string): Promise<readonly Container[]> {
    const pod = `labels."io.kubernetes.pod.uid"==${JSON.stringify(uid)}`;
    return await this.#list(`${pod},labels."io.cri-containerd.kind"==container`);
  }

  /** Process ids of tasks that run or are about to, by the id of their container. */
  async running(): Promise<ReadonlyMap<string, number>> {
    const { tasks } = await call<{ tasks: { id: string; pid: number; status: number }[] }>((done) =>
      this.#tasks.list({ filter: '' }, this.#metadata, until(DEADLINE), done),
    );
    return new Map(
      tasks
        .filter((t) => t.status === RUNNING || t.status === CREATED)
        .map(({ id, pid }) => [id, pid]),
    );
  }

  async #list(filter: string): Promise<readonly Container[]> {
    const { containers } = await call<{ containers: Container[] }>((done) =>
      this.#containers.list({ filters: [filter] }, this.#metadata, until(DEADLINE), done),
    );
    return containers;
  }

  close(): void {
    for (const client of [this.#events, this.#containers, this.#tasks, this.#version]) {
      client.close();
    }
  }
}

/** grpc's status, and containerd's (api/types/task/task.proto). */
const NOT_FOUND = 5;
const CREATED = 1;
const RUNNING = 2;

const until = (ms: number) => ({ deadline: Date.now() + ms });

function call<T>(
  start: (done: (error: ServiceError | null, value: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}
