/**
 * A containerd that does what a test says, over a real socket and the real protocol. What it cannot show is
 * whether the real one behaves so: the tests in the cluster do that.
 */
import { Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js';
import { type Container, ContainersService } from '../gen/containers.ts';
import {
  ContainerCreate,
  ContainerUpdate,
  type Envelope,
  EventsService,
  type SubscribeRequest,
  TaskCreate,
  TaskExit,
} from '../gen/events.ts';
import { TasksService } from '../gen/tasks.ts';
import { VersionService } from '../gen/version.ts';

/** api/types/task/task.proto. */
const RUNNING = 2;
const STOPPED = 3;

type Subscriber = ServerWritableStream<SubscribeRequest, Envelope>;

export class TestRuntime {
  /** Without a pid, a container whose task has ended. */
  readonly containers = new Map<string, { container: Container; pid: number | undefined }>();
  /** Filters of every subscription that there was. */
  readonly filters: (readonly string[])[] = [];
  version = 'v2.4.2';
  /** Ids of containers whose record was asked for. */
  readonly asked: string[] = [];
  readonly #subscribers = new Set<Subscriber>();
  #server: Server | undefined;

  get subscribed(): number {
    return this.#subscribers.size;
  }

  async start(socket: string): Promise<void> {
    const server = new Server();
    server.addService(VersionService, {
      version: (_call: unknown, done: (error: null, value: object) => void) =>
        done(null, { version: this.version, revision: '' }),
    });
    server.addService(EventsService, { subscribe: (call: Subscriber) => this.#subscribe(call) });
    server.addService(ContainersService, {
      get: (
        call: { request: { id: string } },
        done: (error: object | null, value?: object) => void,
      ) => {
        this.asked.push(call.request.id);
        const found = this.containers.get(call.request.id);
        if (found) done(null, { container: found.container });
        else done({ code: status.NOT_FOUND, details: 'no such container' });
      },
      list: (
        { request }: { request: { filters: string[] } },
        done: (error: null, value: object) => void,
      ) => {
        const all = [...this.containers.values()].map(({ container }) => container);
        done(null, { containers: all.filter((one) => passes(one, request.filters)) });
      },
    });
    server.addService(TasksService, {
      list: (_call: unknown, done: (error: null, value: object) => void) =>
        done(null, {
          tasks: [...this.containers].map(([id, { pid }]) => ({
            ...{ id, pid: pid ?? 0 },
            status: pid === undefined ? STOPPED : RUNNING,
          })),
        }),
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    this.#server = server;
  }

  /** As a crash looks to whoever is connected. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.#subscribers.clear();
  }

  tell(topic: '/tasks/create' | '/tasks/exit', containerId: string, pid: number, id = containerId) {
    this.#send(
      topic,
      topic === '/tasks/create'
        ? TaskCreate.encode({ containerId, pid }).finish()
        : TaskExit.encode({ containerId, id, pid }).finish(),
    );
  }

  tellContainer(id: string, what: 'create' | 'update' = 'create') {
    const labels = this.containers.get(id)?.container.labels ?? {};
    this.#send(
      `/containers/${what}`,
      what === 'create'
        ? ContainerCreate.encode({ id }).finish()
        : ContainerUpdate.encode({ id, labels }).finish(),
    );
  }

  #send(topic: string, value: Uint8Array): void {
    const event = { typeUrl: 'containerd.events', value: Buffer.from(value) };
    for (const one of this.#subscribers) one.write({ namespace: 'k8s.io', topic, event });
  }

  #subscribe(call: Subscriber): void {
    this.filters.push(call.request.filters);
    this.#subscribers.add(call);
    call.on('cancelled', () => this.#subscribers.delete(call));
  }
}

export interface TestSandbox {
  readonly id: string;
  readonly kind?: 'sandbox' | 'container';
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly searches?: readonly string[];
  readonly cgroupsPath?: string;
  readonly hostNetwork?: boolean;
  /** Path of its network namespace. */
  readonly netns?: string;
  /** Its network is set up. */
  readonly address?: string;
  /** Its task has ended. */
  readonly dead?: boolean;
}

/** A container as the CRI plugin writes it. */
export function containerOf(one: TestSandbox): Container {
  const { id, kind = 'sandbox', labels = {}, annotations = {}, hostNetwork = false } = one;
  const spec = {
    linux: {
      cgroupsPath: one.cgroupsPath ?? `/kubepods/besteffort/pod${id}/${id}`,
      namespaces: [
        { type: 'pid' },
        ...(hostNetwork ? [] : [{ type: 'network', path: one.netns ?? `/run/netns/${id}` }]),
      ],
    },
  };
  const config = { annotations, dns_config: { searches: one.searches } };
  const metadata = { Version: 'v1', Metadata: { Config: config, IP: one.address ?? '' } };
  const json = (value: object) => ({ typeUrl: '', value: Buffer.from(JSON.stringify(value)) });
  return {
    id,
    labels: {
      'io.cri-containerd.kind': kind,
      'io.kubernetes.pod.namespace': 'ci',
      'io.kubernetes.pod.name': `pod-${id}`,
      'io.kubernetes.pod.uid': `uid-${id}`,
      ...labels,
    },
    spec: json(spec),
    extensions: { 'io.cri-containerd.sandbox.metadata': json(metadata) },
  };
}

/** containerd's filters (pkg/filters), as far as we use them: labels that are equal to something, all of them. */
function passes({ labels }: Container, filters: readonly string[]): boolean {
  return filters.every((filter) =>
    filter.split(',').every((part) => {
      const match = /^labels\."([^"]+)"=="?([^"]*)"?$/.exec(part);
      return match !== null && labels[match[1] ?? ''] === match[2];
    }),
  );
}
