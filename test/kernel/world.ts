/**
 * What the tests of hooks share: a lab, a cgroup that a holder holds, and probes inside and outside of
 * it. All of it is entered in the registry of runs, so that `torwacht cleanup` finds what a killed test
 * leaves behind.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Cgroup, cgroupOf, createCgroup, newCgroupId } from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';
import { pinRoot, useBpffs } from '#agent/leftovers/bpffs.ts';
import { prepareState, startOf, writeRun } from '#agent/leftovers/registry.ts';
import { removeTraces, sweep } from '#agent/leftovers/sweep.ts';
import { compileOnce, sharedHeader } from '../lab/compile.ts';
import { execute } from '../lab/execute.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import type { Side } from '../lab/namespaces.ts';
import type { Pod } from '../lab/pods.ts';
import type { HolderCalls, HolderConfig } from './holder.ts';
import type { Rules } from './rules.ts';

export type Holder = {
  readonly [K in keyof HolderCalls]: (
    ...args: Parameters<HolderCalls[K]>
  ) => Promise<Awaited<ReturnType<HolderCalls[K]>>>;
} & { readonly process: ChildProcess };

export interface Probe {
  readonly pid: number;
  readonly process: ChildProcess;
  /** One command of probe.c. */
  ask(...words: readonly (string | number)[]): Promise<string>;
  /** A new socket, connected: `0`, or why not. */
  connect(kind: string, address: string, port: number): Promise<string>;
  /** One datagram by a new socket: the bytes sent, or why not. */
  datagram(address: string, port: number, kind?: string): Promise<string>;
  /** For what nobody is to answer: its sockets wait shortly. */
  briefly<T>(act: () => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

/** In a nested container of the target's, or of the other pod's, with `nested`. */
export type Where = 'inside' | 'outside' | 'nested' | 'nested outside';

export interface World {
  readonly lab: Lab;
  readonly cgroup: Cgroup;
  readonly pins: string;
  /** Where rows go that are told, where they do. */
  readonly spool: string;
  readonly holder: Holder;
  /** The target's own network namespace, where it has one. */
  readonly pod: Pod | undefined;
  /** Holds the cgroup once more, after the holder's end, with what that left. */
  hold(change?: HolderChange): Promise<Holder>;
  /** Starts a program in the cgroup that is held, or beside it, with pipes. */
  start(where: Where, program: string, args: readonly string[]): ChildProcess;
  /** `inside` the cgroup that is held, or beside it: in the same network namespace, or in another pod. */
  probe(where: Where, options?: ProbeOptions): Promise<Probe>;
  close(): Promise<void>;
}

export interface ProbeOptions {
  /** A shell script that starts "$@", which is the probe; it runs inside already. */
  readonly script?: string;
  /** What the probe is given as arguments, unused. */
  readonly args?: readonly string[];
}

export const hex = (text: string): string => Buffer.from(text).toString('hex');
export const skip = process.getuid?.() === 0 ? false : 'needs root';

/** How long the probe's sockets wait; the usual is for a machine that does much else. */
const PATIENCE_MS = { brief: 700, usual: 30_000 };
const ENTER = 'if [ "$1" != - ]; then echo 0 > "$1/cgroup.procs"; fi; shift';

export interface WorldOptions {
  /** The target has a network namespace of its own, joined to the machine as a pod is. */
  readonly ownNetns?: boolean;
  /** The machine has so many other links. */
  readonly links?: number;
  /** The holder's maps outlive it. */
  readonly kept?: boolean;
  /** Rows go to a spool that outlives it. */
  readonly spooled?: boolean;
  /** The agent's parent starts the holder and starts it again. */
  readonly parent?: boolean;
  /** After the burst; by default what a job has. */
  readonly queriesPerSecond?: number;
}

export interface HolderChange {
  /** The root of the sources of another build of Torwacht. */
  readonly root?: string;
  /** Of a policy that was edited meanwhile. */
  readonly rules?: Rules;
}

export async function createWorld(
  rules: Rules,
  sizes: Readonly<Record<string, number>> = {},
  options: WorldOptions = {},
): Promise<World> {
  const { ownNetns = false, links = 0, kept = false, spooled = false, parent = false } = options;
  const lab = createLab({ name: 'kernel' });
  const id = newCgroupId();
  const undo: (() => void | Promise<void>)[] = [() => lab.close()];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    prepareState();
    const bpffs = useBpffs();
    undo.push(() => sweep().then(() => undefined));
    undo.push(bpffs.done);
    const above = cgroupOf();
    const pins = join(pinRoot(bpffs.path), id);
    const path = join(above.path, `torwacht-${id}`);
    const started = startOf(process.pid) ?? '';
    const run = { id, pid: process.pid, started, cgroup: path, pins, command: 'test' };
    writeRun(run);
    const cgroup = createCgroup(above, id);
    undo.push(() => removeTraces(run));
    undo.push(() => killAll(cgroup.path));
    const program = join(lab.folder, 'probe');
    copyFileSync(kernelProbe(), program);
    const others = Array.from({ length: links }, (_, i) => `link add other${i} type bridge\n`);
    execute('ip', ['-n', lab.namespace('host'), '-batch', '-'], others.join(''));
    const pod = ownNetns ? lab.pod() : undefined;
    const spool = join(lab.folder, 'spool');
    const maps = kept ? `${pins}-maps` : undefined;
    if (maps !== undefined) undo.push(() => rmSync(maps, { recursive: true, force: true }));
    const hold: World['hold'] = async (change = {}) => {
      const config = {
        netns: pod?.netns,
        cgroup: { path: cgroup.path, id: String(cgroup.id), level: cgroup.level },
        ...{ pins, maps, sizes, rules: change.rules ?? rules },
        spool: spooled ? spool : undefined,
        queriesPerSecond: options.queriesPerSecond,
        outside: [process.pid],
      };
      const root = change.root ?? join(import.meta.dirname, '../..');
      const made = await startHolder(lab, config, { root, parent });
      undo.push(() => void made.process.kill('SIGKILL'));
      return made;
    };
    const holder = await hold();
    const other = ownNetns ? lab.pod() : undefined;
    const sides: Record<Where, () => Side> = {
      inside: () => pod?.side ?? 'host',
      outside: () => other?.side ?? 'host',
      nested: lazily(() => lab.nested(pod as Pod).side),
      'nested outside': lazily(() => lab.nested(other as Pod).side),
    };
    const probe: World['probe'] = (where, options = {}) => {
      const held = where === 'inside' || where === 'nested';
      return startProbe(lab, program, sides[where](), held ? cgroup.path : '-', options);
    };
    const start: World['start'] = (where, file, args) => {
      const place = where === 'inside' || where === 'nested' ? cgroup.path : '-';
      const shell = ['-ec', `${ENTER}; exec "$@"`, 'sh', place, file, ...args];
      return lab.spawn(sides[where](), 'sh', shell, { stdio: ['pipe', 'pipe', 'inherit'] });
    };
    return { lab, cgroup, pins, spool, holder, pod, hold, start, probe, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The program that is told what to try. */
export const kernelProbe = (): string =>
  compileOnce('kernel-probe', [join(import.meta.dirname, 'probe.c')], [sharedHeader]);

/** What a suite under sanitizers gives its processes, and what fixtures/refusing-addon.cjs reads. */
const INHERITED = [
  ...['TORWACHT_ADDON', 'LD_PRELOAD', 'ASAN_OPTIONS', 'UBSAN_OPTIONS'],
  ...['TORWACHT_REAL_ADDON', 'TORWACHT_REFUSED'],
];

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

async function startHolder(
  lab: Lab,
  config: HolderConfig,
  { root, parent }: { readonly root: string; readonly parent: boolean },
): Promise<Holder> {
  const env = Object.fromEntries(
    INHERITED.flatMap((key) => {
      const value = process.env[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  const script = join(root, 'test/kernel/holder.ts');
  const line = [process.execPath, script, JSON.stringify(config)];
  if (parent) line.unshift(join(root, 'build/torwacht-parent'));
  const [command = '', ...args] = line;
  const child = lab.spawn('host', command, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env,
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const call = (id: number): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    return answer.promise;
  };
  child.on('message', (message: { id: number; result?: unknown; error?: string }) => {
    const answer = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) answer?.resolve(message.result);
    else answer?.reject(new Error(message.error));
  });
  child.once('exit', () => {
    for (const answer of waiting.values()) answer.reject(new Error('the holder has ended'));
  });
  await call(0);
  let last = 0;
  return new Proxy({ process: child } as Holder, {
    get(target, name: keyof Holder) {
      if (name === 'process' || name in target) return target[name];
      if (String(name) === 'then') return undefined;
      return (...args: readonly unknown[]) => {
        last += 1;
        child.send({ id: last, call: name, args });
        return call(last);
      };
    },
  });
}

async function startProbe(
  lab: Lab,
  program: string,
  side: Side,
  cgroup: string,
  { script = 'exec "$@"', args = [] }: ProbeOptions,
): Promise<Probe> {
  const shell = ['-ec', `${ENTER}; ${script}`, 'sh', cgroup, program, ...args];
  const child = lab.spawn(side, 'sh', shell, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (!child.stdout || !child.stdin) throw new Error('the probe has no pipes');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { stdin } = child;
  stdin.on('error', () => undefined);
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the probe ended with ${child.exitCode ?? child.signalCode}`);
    return value;
  };
  const ask: Probe['ask'] = (...words) => {
    stdin.write(`${words.join(' ')}\n`);
    return next();
  };
  const pid = Number(await next());
  return {
    pid,
    process: child,
    ask,
    async connect(kind, address, port) {
      return ask('connect', await ask('socket', kind), address, port);
    },
    async datagram(address, port, kind = address.includes(':') ? 'udp6' : 'udp') {
      return ask('sendto', await ask('socket', kind), address, port, hex('secret'));
    },
    async briefly(act) {
      await ask('patience', PATIENCE_MS.brief);
      try {
        return await act();
      } finally {
        await ask('patience', PATIENCE_MS.usual);
      }
    },
    async end() {
      const ended = once(child, 'exit');
      stdin.end();
      await ended;
    },
  };
}
