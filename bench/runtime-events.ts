/**
 * What containerd tells of one namespace's pods: when sandboxes start, when containers start and end. It asks
 * each new sandbox's resolver for the barrier's answer, from inside the sandbox's network namespace.
 */
import { createSocket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import packet from 'dns-packet';
import { ContainerdClient } from '#agent/containerd/client.ts';
import {
  ContainerCreate,
  type Envelope,
  TaskCreate,
  TaskExit,
  TaskStart,
} from '#agent/containerd/gen/events.ts';
import { native } from '#bpf/native.ts';

/** Between two questions, ms: what the answer's time is known by. */
const EVERY = 2;
/** An answer that is not there after so long will not come, ms. */
const PATIENCE = 120_000;
const QUESTION = packet.encode({
  type: 'query',
  id: 1,
  questions: [{ type: 'TXT', name: '_torwacht.attached.local' }],
});

const label = (name: string): string => `io.kubernetes.${name}`;

/** How long a sandbox's barrier would have waited, ms. */
export interface Answer {
  readonly fromStart: number;
  /** From when the runtime told of its task, which the agent hears as well. */
  readonly fromCreation: number;
}

type Labels = Promise<Readonly<Record<string, string>> | undefined>;

interface Started {
  readonly created: number;
  /** NaN until it has started. */
  readonly at: number;
  readonly labels: Labels;
  /** When a sandbox of the namespace was answered. */
  readonly answer: Promise<number | undefined>;
}

export class RuntimeEvents {
  readonly #client: ContainerdClient;
  readonly #namespace: string;
  readonly #stream: ReturnType<ContainerdClient['subscribe']>;
  readonly #started = new Map<string, Started>();
  /** Asked for ahead of the task: a busy runtime's answer is no part of what is measured. */
  readonly #labels = new Map<string, Labels>();
  #sandbox: ((answer: Promise<Answer>) => void) | undefined;
  #ended: ((name: string, life: number) => void) | undefined;

  constructor(socket: string, namespace: string) {
    this.#client = new ContainerdClient(socket);
    this.#namespace = namespace;
    this.#stream = this.#client.subscribe([
      '/containers/create',
      '/tasks/create',
      '/tasks/start',
      '/tasks/exit',
    ]);
    this.#stream.on('data', (envelope: Envelope) => void this.#event(envelope));
    this.#stream.on('error', () => undefined);
  }

  /** Events are heard from now on: a call has been answered over the same connection. */
  async ready(): Promise<void> {
    await this.#client.version();
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  /** The answers of the next sandboxes. */
  answers(count: number): Promise<Answer[]> {
    const found: Promise<Answer>[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<Answer[]>();
    this.#sandbox = (answer) => {
      found.push(answer);
      if (found.length === count) Promise.all(found).then(resolve, reject);
    };
    return promise;
  }

  /** ms from start to end of the next container of this name. */
  life(name: string): Promise<number> {
    return new Promise((resolve) => {
      this.#ended = (ended, life) => {
        if (ended === name) resolve(life);
      };
    });
  }

  async #event({ topic, event }: Envelope): Promise<void> {
    const at = performance.now();
    const value = event?.value ?? Buffer.alloc(0);
    if (topic === '/tasks/exit') {
      const begun = this.#started.get(TaskExit.decode(value).id);
      // It may have ended before containerd has said what it was.
      const labels = await begun?.labels;
      if (begun && labels) this.#ended?.(labels[label('container.name')] ?? '', at - begun.at);
      return;
    }
    if (topic === '/containers/create') return this.#made(ContainerCreate.decode(value).id);
    if (topic === '/tasks/create') return this.#created(TaskCreate.decode(value), at);
    const { containerId } = TaskStart.decode(value);
    const created = this.#started.get(containerId);
    if (created === undefined) return;
    this.#started.set(containerId, { ...created, at });
    const labels = await created.labels;
    if (labels?.[label('pod.namespace')] !== this.#namespace) return;
    if (labels['io.cri-containerd.kind'] !== 'sandbox') return;
    this.#sandbox?.(
      created.answer.then((then = at) => ({
        // One that was answered before it started has cost nothing.
        fromStart: Math.max(0, then - at),
        fromCreation: then - created.created,
      })),
    );
  }

  #made(id: string): void {
    const labels = this.#client.container(id).then((found) => found?.labels);
    labels.catch(() => undefined);
    this.#labels.set(id, labels);
  }

  #created({ containerId, pid }: TaskCreate, created: number): void {
    const labels = this.#labels.get(containerId) ?? Promise.resolve(undefined);
    this.#labels.delete(containerId);
    const answer = labels.then((known) => {
      const ours = known?.[label('pod.namespace')] === this.#namespace;
      return ours && known['io.cri-containerd.kind'] === 'sandbox' ? answered(pid) : undefined;
    });
    answer.catch(() => undefined);
    this.#started.set(containerId, { created, at: Number.NaN, labels, answer });
  }
}

/** When the resolver of a process's network namespace first gave the barrier's answer. */
async function answered(pid: number): Promise<number> {
  const { fd } = native().openSocket('udp', '127.0.0.1', 0, 0, `/proc/${pid}/ns/net`);
  const socket = createSocket('udp4');
  let at: number | undefined;
  socket.on('message', () => {
    at ??= performance.now();
  });
  // Refused, as long as nobody is behind the port.
  socket.on('error', () => undefined);
  await new Promise<void>((bound) => socket.bind({ fd, exclusive: true }, bound));
  try {
    const end = performance.now() + PATIENCE;
    while (at === undefined && performance.now() < end) {
      socket.send(QUESTION, 53, '127.0.0.1', () => undefined);
      await pause(EVERY);
    }
  } finally {
    socket.close();
  }
  if (at === undefined) throw new Error('a sandbox has got no answer for its barrier');
  return at;
}
