/**
 * The built agent as a process on the cluster's node, for one test: a bundle of its own, its log, and an end
 * that leaves nothing. It is in the node's cgroup, so it ends with the cluster at the latest.
 *
 * @example
 * const namespace = await cluster.namespace(t, 'job');
 * const agent = await startAgent(t, cluster, [binding(namespace)]);
 * await cluster.runPod(namespace, { command: ['wget', '-qO-', 'http://198.51.100.7:8000/'] });
 * assert.equal(agent.rows()[0]?.action, 'block');
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EgressEvent, egressEventSchema } from '#api/event.ts';
import { SCHEMA } from '#bpf/layout.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { waitFor } from '../cluster/wait.ts';
import { DNS_ADDRESS } from '../lab/addresses.ts';
import { PATH } from '../lab/execute.ts';

/** One line of the agent's log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly event?: EgressEvent;
  readonly [field: string]: unknown;
}

/** What node:test runs when a test, or a file, is over. */
export interface Cleanup {
  after(done: () => Promise<void>): void;
}

export interface NodeAgent {
  /** Of the process that runs now, as the host sees it. */
  readonly pid: number;
  /** The folder of policy documents. */
  readonly bundle: string;
  /** The folder in which it leaves what the next one should know. */
  readonly state: string;
  /** All that it has logged, of every life. */
  log(): readonly LogLine[];
  /** Waits for a line of the log, in this life or one before. */
  untilLogged(what: string, is: (line: LogLine) => boolean): Promise<LogLine>;
  /** Rows of evidence, of one pod or of all. */
  rows(pod?: string): readonly EgressEvent[];
  untilRow(what: string, is: (row: EgressEvent) => boolean): Promise<EgressEvent>;
  /** Writes the bundle anew, whole or nothing; a text as it is. Nobody waits for the agent to read it. */
  write(documents: readonly object[] | string): void;
  /** `/readyz`, `/healthz` or `/metrics`: what was answered, undefined where it is no 200. */
  get(path: string): string | undefined;
  /** SIGTERM, then its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL: no line of its code runs any more. */
  kill(): Promise<void>;
  /** After `stop` or `kill`: the same agent once more. Resolves when it is ready. */
  start(): Promise<void>;
  /** Everything it said, for whoever reads a failure. */
  said(): string;
}

export interface AgentPlan {
  /** Further flags. */
  readonly flags?: readonly string[];
  /** Do not wait until it is ready. */
  readonly unready?: boolean;
}

const AGENT = join(import.meta.dirname, '../../bin/torwacht-agent');
const IN_CGROUP = 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"';

/** Starts it, and waits until pods can be held. */
export async function startAgent(
  cleanup: Cleanup,
  cluster: Cluster,
  documents: readonly object[],
  plan: AgentPlan = {},
): Promise<NodeAgent> {
  const bundle = mkdtempSync(join(tmpdir(), 'torwacht-bundle-'));
  const agent = new Process(cluster, bundle, plan);
  cleanup.after(() => agent.close());
  agent.write(documents);
  await agent.start();
  return agent;
}

class Process implements NodeAgent {
  readonly bundle: string;
  readonly state: string;
  readonly #cluster: Cluster;
  readonly #plan: AgentPlan;
  readonly #lines: LogLine[] = [];
  #errors = '';
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  /** How many lines were there before this life. */
  #born = 0;

  constructor(cluster: Cluster, bundle: string, plan: AgentPlan) {
    this.#cluster = cluster;
    this.bundle = bundle;
    this.state = `${bundle}.state`;
    this.#plan = plan;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const { node } = this.#cluster;
    this.#born = this.#lines.length;
    const enter = ['nsenter', `--target=${node.pid}`, '--mount', '--net', '--'];
    const flags = ['--bundle', this.bundle, '--upstream', DNS_ADDRESS, '--listen', '127.0.0.1:0'];
    // Several agents share the test's node.
    flags.push('--maps', basename(this.bundle));
    const line = [...enter, AGENT, ...flags, ...(this.#plan.flags ?? [])];
    const leaf = join(node.cgroup, 'node');
    const child = spawn('sh', ['-ec', IN_CGROUP, 'agent', leaf, ...line], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, LANG: 'C.UTF-8', HOME: '/root', TORWACHT_STATE: this.state },
    });
    this.#child = child;
    this.#ended = once(child, 'close');
    createInterface({ input: child.stdout }).on('line', (text) => this.#read(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    if (this.#plan.unready) return;
    await waitFor('the agent is ready', () => this.get('/readyz') === 'ok\n', {
      unless: () => {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`the agent has ended: ${this.said()}`);
        }
      },
    });
  }

  log(): readonly LogLine[] {
    return this.#lines;
  }

  async untilLogged(what: string, is: (line: LogLine) => boolean): Promise<LogLine> {
    try {
      return await waitFor(what, () => this.#lines.find(is), { everyMs: 50 });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.said()}`, { cause: error });
    }
  }

  rows(pod?: string): readonly EgressEvent[] {
    const all = this.#lines.flatMap(({ event }) => event ?? []);
    return pod === undefined ? all : all.filter((row) => row.pod === pod);
  }

  async untilRow(what: string, is: (row: EgressEvent) => boolean): Promise<EgressEvent> {
    const { event } = await this.untilLogged(what, (line) => !!line.event && is(line.event));
    return event as EgressEvent;
  }

  write(documents: readonly object[] | string): void {
    const text =
      typeof documents === 'string'
        ? documents
        : documents.map((one) => `---\n${JSON.stringify(one)}\n`).join('');
    const file = join(this.bundle, 'documents.yaml');
    writeFileSync(join(this.bundle, '.new'), text);
    renameSync(join(this.bundle, '.new'), file);
  }

  get(path: string): string | undefined {
    const ready = this.#lines.slice(this.#born).find(({ msg }) => msg === 'ready');
    if (ready === undefined) return undefined;
    const url = `http://127.0.0.1:${ready.listen}${path}`;
    const { code, stdout } = this.#cluster.node.run('busybox', ['wget', '-qO-', url]);
    return code === 0 ? stdout : undefined;
  }

  async stop(): Promise<number | null> {
    this.#child?.kill('SIGTERM');
    await this.#ended;
    return this.#child?.exitCode ?? null;
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  said(): string {
    return `${this.#lines.map((line) => JSON.stringify(line)).join('\n')}\n${this.#errors}`;
  }

  /** Pods of an ended test are on their way out; what they leave on the node is removed at once. */
  async close(): Promise<void> {
    await Promise.race([this.stop(), sleep(10_000, undefined, { ref: false })]);
    await this.kill();
    for (const folder of [this.bundle, this.state]) {
      rmSync(folder, { recursive: true, force: true });
    }
    rmSync(pinsOf(this.#cluster, `../${basename(this.bundle)}`), { recursive: true, force: true });
    const uids = new Set(this.#lines.flatMap(({ uid }) => (typeof uid === 'string' ? uid : [])));
    for (const uid of uids) rmSync(pinsOf(this.#cluster, uid), { recursive: true, force: true });
  }

  #read(text: string): void {
    try {
      const line = JSON.parse(text) as LogLine;
      if (line.event !== undefined) egressEventSchema.parse(line.event);
      this.#lines.push(line);
    } catch (error) {
      this.#errors += `no line of a log: ${text} (${(error as Error).message})\n`;
    }
  }
}

/** Where the node's BPF file system has a pod's links, as the host sees it. */
export function pinsOf(cluster: Cluster, uid: string): string {
  return join(
    '/proc',
    `${cluster.node.pid}`,
    'root/sys/fs/bpf/torwacht',
    `v${SCHEMA}`,
    'pods',
    uid,
  );
}
