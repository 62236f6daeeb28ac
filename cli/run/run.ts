/**
 * `torwacht run`: holds a command and all it starts. Nothing of it runs before it is held, and nothing
 * of ours is taken away before it has ended.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { CGROUP_PREFIX, cgroupOf, createCgroup, newCgroupId } from '#agent/cgroup/cgroup.ts';
import { Engine } from '#agent/engine/engine.ts';
import type { HeldTarget } from '#agent/engine/held-target.ts';
import { pinRoot, useBpffs } from '#agent/leftovers/bpffs.ts';
import { prepareState, type Run, runFile, startOf, writeRun } from '#agent/leftovers/registry.ts';
import { removeTraces, sweep } from '#agent/leftovers/sweep.ts';
import { createRandom16 } from '#agent/resolver/random.ts';
import { parseResolvConf, renderResolvConf } from '#agent/resolver/resolv-conf.ts';
import { createUpstream, type ServerPool } from '#agent/resolver/upstream.ts';
import { failure, TorwachtError } from '#api/error.ts';
import type { EgressEvent } from '#api/event.ts';
import { Kernel } from '#bpf/kernel.ts';
import type { LoadedEngine } from '#bpf/load.ts';
import { native } from '#bpf/native.ts';
import { optionalParts } from '#bpf/programs.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { printable } from '../policy/io.ts';
import { findCommand } from '../sandbox/command.ts';
import { readFacts } from '../sandbox/facts.ts';
import { forwardSignals } from '../sandbox/forward.ts';
import { type Launched, launch } from '../sandbox/launch.ts';
import { describeOpenings, type Openings } from '../sandbox/openings.ts';
import { writableBy } from '../sandbox/ownership.ts';
import { makePlan, type Plan } from '../sandbox/plan.ts';
import type { SandboxUser } from '../sandbox/user.ts';
import { commandText } from './command-text.ts';
import { takeLoaded } from './early.ts';
import { endTarget } from './end.ts';
import { errors } from './errors.ts';
import { policyPlaces } from './place.ts';
import { PolicySource } from './policy-source.ts';
import { Report, type ReportOptions } from './report.ts';
import type { SuggestionFile } from './suggestion.ts';

export interface RunRequest {
  readonly policyPath: string;
  readonly observe: boolean;
  readonly project?: string | undefined;
  readonly job?: string | undefined;
  /** DNS servers in place of the policy's and the host's. */
  readonly upstreams: readonly string[];
  readonly openings: Openings;
  readonly user: SandboxUser;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly command: readonly [string, ...string[]];
  readonly version: string;
  readonly report: ReportOptions;
  readonly suggestion?: SuggestionFile | undefined;
  /** Called when all is over. */
  done?(): void;
}

/** What is undone at the end, last first. */
class Undo {
  readonly #steps: (() => unknown)[] = [];
  add(step: () => unknown): void {
    this.#steps.push(step);
  }
  async all(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) await step();
  }
}

/** Exit status of the command, or of the signal that came before it could start. */
export async function run(request: RunRequest): Promise<number> {
  const source = new PolicySource({
    path: request.policyPath,
    observe: request.observe,
    identity: {
      namespace: 'default',
      ...(request.project === undefined ? {} : { project: request.project }),
      ...(request.job === undefined ? {} : { job: request.job }),
    },
  });
  // The verifier takes its time; all that can be done meanwhile is done meanwhile.
  const loading = takeLoaded();
  const policy = source.read();
  const program = findCommand(request.command[0], request.env.PATH, request.cwd);
  if (!program.found) {
    request.report.tell(`torwacht: ${printable(program.message)}\n`);
    return program.code;
  }
  const undo = new Undo();
  undo.add(() => request.done?.());
  const signals = catchSignals();
  undo.add(signals.stop);
  try {
    const world = await prepare(request, policy, loading, undo);
    for (const notice of world.plan.notices)
      request.report.tell(`torwacht: ${printable(notice)}\n`);
    if (signals.early() !== undefined)
      return 128 + constants.signals[signals.early() as NodeJS.Signals];
    undo.add(follow(source, request, world));
    return await attend(request, world, signals);
  } finally {
    await undo.all();
  }
}

interface World {
  readonly run: Run;
  readonly plan: Plan;
  readonly engine: Engine;
  readonly held: HeldTarget;
  readonly report: Report;
  /** Processes that run the target and are no part of it. */
  readonly outside: Set<number>;
}

/** Everything up to the moment before the command starts. */
async function prepare(
  request: RunRequest,
  policy: CompiledPolicy,
  loading: Promise<LoadedEngine>,
  undo: Undo,
): Promise<World> {
  const tell = request.report.tell;
  const facts = readFacts({ user: request.user, cwd: request.cwd, env: request.env });
  const hostDns = parseResolvConf(readResolvConf());
  const upstream = openUpstream(request, policy, hostDns.nameservers);
  undo.add(() => upstream.close());

  const id = newCgroupId();
  const parent = cgroupOf();
  if (!parent.rooted) throw failure(errors.cgroupNamespace);
  prepareState();
  const bpffs = useBpffs();
  undo.add(() => sweep());
  undo.add(bpffs.done);
  const pins = join(pinRoot(bpffs.path), id);
  const started = startOf(process.pid) ?? '';
  const cgroupFolder = join(parent.path, `${CGROUP_PREFIX}${id}`);
  const record: Run = {
    id,
    pid: process.pid,
    started,
    cgroup: cgroupFolder,
    pins,
    command: commandText(request.command),
  };
  writeRun(record);
  const swept = await sweep();
  if (swept.removed.length > 0)
    tell(`torwacht: removed what ${runs(swept.removed.length)} had left\n`);
  const resolvConf = runFile(id, 'resolv.conf');
  writeFileSync(resolvConf, renderResolvConf('127.0.0.1', hostDns), { mode: 0o644 });
  const plan = makePlan(facts, { openings: request.openings, resolvConf });
  for (const sentence of describeOpenings(request.openings))
    tell(`torwacht: ${printable(sentence)}\n`);

  undo.add(() => removeTraces(record));
  const cgroup = createCgroup(parent, id);
  const kernel = Kernel.of(await loading);
  for (const part of kernel.missing.keys())
    tell(`torwacht: not on this kernel: ${optionalParts[part].lost}\n`);
  const engine = new Engine(kernel, {
    slots: 1,
    version: request.version,
    fault: tellOnce(tell),
  });
  undo.add(() => engine.close());
  const report = new Report(request.report);
  const outside = new Set([process.pid]);
  const held = await engine.hold({
    cgroup,
    policy,
    upstream,
    pins,
    labels: {
      target: id,
      namespace: null,
      pod: null,
      project_id: request.project ?? null,
      job_name: request.job ?? null,
    },
    onRow: (event) => report.row(event),
    outside: (pid) => outside.has(pid),
  });
  undo.add(() => held.close());
  return { run: record, plan, engine, held, report, outside };
}

/** From the start of the command to the last row. */
async function attend(request: RunRequest, world: World, signals: Signals): Promise<number> {
  const { run: record, plan, held, engine, report, outside } = world;
  let init: number | undefined;
  const launched = launch({
    plan,
    cgroup: record.cgroup,
    seccomp: native().seccompProgram(plan.seccomp),
    command: request.command,
    onStarted: (pid) => {
      init = pid;
      outside.add(pid);
    },
  });
  outside.add(launched.pid);
  signals.to(launched);
  try {
    return (await launched.exit).code;
  } finally {
    const left = await endTarget(record.cgroup, init);
    if (left.length > 0) {
      request.report.tell(`torwacht: ended what the command left running: ${left.join(', ')}\n`);
    }
    const counters = engine.kernel.counters();
    const rows = held.rows.finish().map(({ event }) => event);
    const { refused, allowed } = held.overflow();
    report.end({ rows, overflow: refused, eventsLost: counters.events_lost });
    suggestFrom(rows, refused + allowed, request);
  }
}

function suggestFrom(rows: readonly EgressEvent[], unrecorded: number, request: RunRequest): void {
  const { suggestion, project = null, job = null, report } = request;
  if (suggestion === undefined) return;
  const { isThere, sentence } = suggestion.write(rows, { project, job, unrecorded });
  if (!isThere || !report.json) report.tell(`torwacht: ${sentence}\n`);
}

/** What the command could write itself is read once, and not again. */
function canFollow({ user, policyPath }: RunRequest, { writable }: Plan): boolean {
  const writer = { uid: user.uid, groups: user.groups, writable };
  return policyPlaces(policyPath).every((place) => !writableBy(writer, place));
}

function follow(source: PolicySource, request: RunRequest, { plan, held }: World): () => void {
  const { tell } = request.report;
  if (!canFollow(request, plan)) {
    const notUsed = () =>
      tell('torwacht: the policy changed; the command could have done that, so it is not used\n');
    return source.watch(notUsed, notUsed);
  }
  return source.watch(
    (policy) => {
      held.setPolicy(policy);
      tell(`torwacht: the policy changed and is in force (${policy.digest.slice(0, 12)})\n`);
    },
    ({ message }) =>
      tell(`torwacht: the changed policy is not used, the last good one stays: ${message}\n`),
  );
}

/** What goes wrong with one lookup is told once per kind: a broken upstream fails them all. */
function tellOnce(tell: (text: string) => void): (error: unknown) => void {
  const told = new Set<string>();
  return (error) => {
    const code = error instanceof TorwachtError ? error.code : 'unknown';
    if (told.has(code)) return;
    told.add(code);
    tell(
      `torwacht: a lookup failed: ${error instanceof Error ? error.message : error} [${code}]\n`,
    );
  };
}

interface Signals {
  /** A signal that came while there was no command to pass it to. */
  early(): NodeJS.Signals | undefined;
  to(launched: Launched): void;
  stop(): void;
}

function catchSignals(): Signals {
  let launched: Launched | undefined;
  let early: NodeJS.Signals | undefined;
  const stop = forwardSignals(process, (signal) => {
    if (launched) void launched.signal(signal);
    else if (signal !== 'SIGWINCH' && signal !== 'SIGCONT') early ??= signal;
  });
  return {
    early: () => early,
    to: (target) => {
      launched = target;
    },
    stop,
  };
}

function openUpstream(
  request: RunRequest,
  policy: CompiledPolicy,
  host: readonly string[],
): ServerPool {
  const servers = [request.upstreams, policy.upstreams, host].find((list) => list.length > 0);
  if (!servers) throw failure(errors.noUpstream);
  return createUpstream({ servers, clock: () => performance.now(), random: createRandom16() });
}

function readResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

function runs(count: number): string {
  return count === 1 ? 'an ended run' : `${count} ended runs`;
}
