/** The agent of one node: a container runtime's pods, a source of policies, and one engine between them. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { exitCodes, failure, TorwachtError } from '#api/error.ts';
import type { EgressEvent } from '#api/event.ts';
import type { Capability } from '#api/node-agent.ts';
import { Kernel } from '#bpf/kernel.ts';
import { MAX_TARGETS } from '#bpf/layout.ts';
import { type OptionalPart, optionalParts } from '#bpf/programs.ts';
import { Authorities } from '#delivery/authorities.ts';
import manifest from '../../package.json' with { type: 'json' };
import { cgroupIds, cgroupPath, isGone, membersOf } from '../cgroup/cgroup.ts';
import { findCgroup2, readMounts } from '../cgroup/mountinfo.ts';
import { taggedSockets } from '../cgroup/tags.ts';
import { ContainerdWatcher } from '../containerd/watcher.ts';
import { Engine } from '../engine/engine.ts';
import type { Part, ToldRow } from '../evidence/told-row.ts';
import { pinRoot } from '../leftovers/bpffs.ts';
import { removePins } from '../leftovers/sweep.ts';
import { Outputs } from '../outputs/outputs.ts';
import { openLines } from '../outputs/stdout.ts';
import { storeOf } from '../parent/kept-sockets.ts';
import { Pods } from '../pods/pods.ts';
import { parseResolvConf } from '../resolver/resolv-conf.ts';
import { lastingBpffs } from './bpffs.ts';
import { Departure, type DepartureOptions } from './departure.ts';
import { errors } from './errors.ts';
import { fields } from './fields.ts';
import { formerPolicy } from './former.ts';
import { serveAgentHealth } from './health.ts';
import { holdSandbox, pinsOf, Upstreams } from './hold.ts';
import { Metrics } from './metrics.ts';
import { type AgentOptions, readOptions, usage } from './options.ts';
import { podLog } from './pod-log.ts';
import { sweepPins } from './pod-pins.ts';
import { type PolicySource, sourceOfFiles } from './source.ts';
import { type NodeFacts, sourceOfCluster } from './source-of-cluster.ts';
import { SpareMemory } from './spare-memory.ts';
import { StoredPolicies } from './stored-policies.ts';

const { version } = manifest;
/** Longest wait for answers that are under way at the end, of look-ups and of receivers, ms. */
const FAREWELL = 1000;
/** How often counts that have grown are told, ms. */
const COUNT_INTERVAL = 30_000;
/**
 * Of which small Buffers are parts, bytes: the smallest that is kept keeps all of it. Node's own is eight times as much.
 */
const SLAB = 8 << 10;
/** How often folders of ended pods are looked for, ms. */
const SWEEP_INTERVAL = 5000;

async function run(options: AgentOptions): Promise<void> {
  Buffer.poolSize = SLAB;
  const lines = openLines();
  const log = pino({ level: options.logLevel, base: { version } }, lines);
  trustAlso(options.ca, log);
  // Read while the agent before this one still answers look-ups.
  const files = options.node === '' ? sourceOfFiles(options.bundle, log) : undefined;
  const upstreams = new Upstreams(resolveUpstreams(options));
  const { engine, kernel, place } = await startEngine(log, options.maps);
  const cgroupExists = (name: string): boolean => exists(cgroupPath(name, place.cgroups));
  const watcher = new ContainerdWatcher({ socket: options.containerd, cgroupExists });
  const stored = new StoredPolicies(options.state, (error) =>
    log.warn(fields(error), 'a policy cannot be remembered'),
  );
  const runtime: Runtime = { connected: false };

  const metrics = new Metrics({
    held: () => pods.held,
    pending: () => pods.pending,
    kernel: () => kernel.counters(),
    lacks: (part) => kernel.missing.has(part),
    bundleGood: () => source.isGood(),
    connected: () => runtime.connected,
  });
  const left = (): boolean => departure.left;
  const facts = factsOf(kernel, { connected: () => runtime.connected, left, pods: () => pods });
  const { registry } = metrics;
  const source = files ?? sourceOfCluster(options, { log, registry, facts });
  const outputs = await Outputs.open({
    ...{ ...options, lines, log, registry, version },
    ...{ told: kernel.told, targets: engine.targetsBefore },
  });
  const rows = rowsTo(outputs, metrics);
  const pods: Pods = new Pods({
    documents: source.documents,
    released: source.released,
    former: (sandbox) => formerPolicy(sandbox, { engine, place, stored }),
    hold: (sandbox, governed) =>
      holdSandbox(engine, upstreams, place, {
        sandbox,
        governed,
        naming: watcher,
        stored,
        ...rows,
      }),
    cgroupExists,
    forget: (sandbox) => removePins(pinsOf(place, sandbox)),
    log: podLog(log, metrics, new SpareMemory()),
  });
  const folders = { maps: place.maps, pods: place.pins, state: options.state };
  const departure: Departure = departureOf(folders, { source, pods, watcher });
  const health = await serveAgentHealth({
    ...options.listen,
    instance: options.instance,
    metrics: registry,
    problems: () => [
      ...(runtime.connected ? [] : ['the container runtime does not answer']),
      ...problemsOf(kernel, source, left()),
    ],
  });
  followRuntime(watcher, { pods, runtime, log });
  pods.watch();
  setInterval(() => pods.count(), COUNT_INTERVAL).unref();
  sweepRegularly(log, departure, async () => {
    await engine.bury({ ...rows, policyOf: (digest) => stored.recall(digest) });
    stored.prune(new Set([...pods.digests, ...engine.digestsBefore]));
    return sweepPins(place.pins, cgroupExists);
  });
  source.start(({ bindings }) => {
    pods.update();
    if (bindings) watcher.list();
  });
  const from = files ? { bundle: options.bundle } : { node: options.node };
  log.info({ ...from, listen: health.port }, 'ready');

  await endAsked();
  // What is attached and pinned goes on refusing; only this process goes.
  log.info({ held: pods.held }, 'leaving');
  watcher.close();
  pods.stop();
  await source.stop();
  await health.close();
  await outputs.end(FAREWELL);
  // The last: nothing may come between it and the end.
  await farewell(engine);
  process.exit(0);
}

interface Runtime {
  /** It answers. */
  connected: boolean;
}

/** Pods are held as it tells of them. */
function followRuntime(
  watcher: ContainerdWatcher,
  { pods, runtime, log }: { readonly pods: Pods; readonly runtime: Runtime; readonly log: Logger },
): void {
  watcher.start({
    started: (sandbox) => pods.started(sandbox),
    ended: () => pods.ended(),
    listed(sandboxes) {
      if (!runtime.connected) {
        log.info({ runtime: watcher.runtime, running: sandboxes.length }, 'connected');
      }
      runtime.connected = true;
      pods.listed(sandboxes);
    },
    fault(error) {
      if (error instanceof TorwachtError && error.code === 'TW_CONTAINERD_LOST') {
        runtime.connected = false;
      }
      log.error(fields(error), 'the container runtime');
    },
  });
}

/** Where rows of targets go. */
function rowsTo(outputs: Outputs, metrics: Metrics) {
  return {
    told: outputs.told,
    onRow(event: EgressEvent, parts: readonly Part[]) {
      metrics.row(event);
      outputs.send(event, parts);
    },
    onCount: ({ event, parts }: ToldRow) => outputs.send(event, parts),
  };
}

/** Why it cannot hold pods as it should, apart from a runtime that does not answer. */
function problemsOf(kernel: Kernel, source: PolicySource, left: boolean): readonly string[] {
  return [
    ...(left ? ['it is being uninstalled'] : []),
    ...hostProblems(kernel),
    ...source.problems(),
  ];
}

/** Where it cannot be used, rows wait for their receivers; pods are held all the same. */
function trustAlso(file: string, log: Logger): void {
  if (file === '') return;
  const authorities = new Authorities(file, {
    taken: (certificates) => log.info({ file, certificates }, 'authorities taken'),
    failed: (error) => log.error({ file, ...fields(error) }, 'authorities not taken'),
  });
  authorities.follow();
}

function endAsked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

/**
 * What was read from a socket is lost with this process; what was not waits there for the next one. So it ends in a
 * moment when no answer is under way, or when it has waited long enough for one.
 */
async function farewell(engine: Engine): Promise<void> {
  const end = performance.now() + FAREWELL;
  while (engine.answering > 0 && performance.now() < end) await sleep(1);
}

function factsOf(kernel: Kernel, rest: Pick<NodeFacts, 'connected' | 'left' | 'pods'>): NodeFacts {
  return {
    version: manifest.version,
    capabilities: () => capabilitiesOf(kernel),
    hostProblems: () => hostProblems(kernel),
    ...rest,
  };
}

function departureOf(
  folders: Pick<DepartureOptions, 'maps' | 'pods' | 'state'>,
  {
    source,
    pods,
    watcher,
  }: {
    readonly source: Pick<PolicySource, 'leaving'>;
    readonly pods: Pick<Pods, 'held' | 'pending'>;
    readonly watcher: Pick<ContainerdWatcher, 'close'>;
  },
): Departure {
  return new Departure({
    ...folders,
    wanted: () => source.leaving(),
    governed: () => pods.held + pods.pending,
    close: () => watcher.close(),
  });
}

/** Pods that ended while no agent ran: their last rows are told, and what is pinned for them goes. */
function sweepRegularly(
  log: Logger,
  departure: Departure,
  bury: () => Promise<readonly string[]>,
): void {
  const sweep = async (): Promise<void> => {
    if (departure.left) return;
    try {
      const uids = await bury();
      if (uids.length > 0) log.info({ uids }, 'what was pinned for ended pods is removed');
      if (departure.look()) log.info('this node is left: nothing is pinned any more');
    } catch (error) {
      log.error(fields(error), 'what was pinned before stays');
    }
  };
  void sweep();
  setInterval(() => void sweep(), SWEEP_INTERVAL).unref();
}

/** Goes on with what an agent before this one holds: its maps and links are pinned. */
async function startEngine(log: Logger, maps: string) {
  const pins = pinRoot(lastingBpffs());
  // The last step before the agent before this one ends: look-ups wait from here on.
  const sockets = storeOf(process.env);
  const kernel = await loadKernel(log, join(pins, maps));
  const cgroups = findCgroup2(readMounts());
  const engine = new Engine(kernel, {
    slots: MAX_TARGETS,
    version,
    fault: (error) => log.warn(fields(error), 'a lookup failed'),
    living: () => cgroupIds(cgroups.path),
    members: membersOf,
    buries: true,
    sockets,
  });
  try {
    sockets.offer();
  } catch (error) {
    log.warn(fields(error), 'look-ups will fail while this pod is replaced');
  }
  return { engine, kernel, place: { cgroups, pins: join(pins, 'pods'), maps: join(pins, maps) } };
}

/** Tells what is lost on this kernel, and what keeps it from holding anything. */
async function loadKernel(log: Logger, pins: string): Promise<Kernel> {
  const kernel = await Kernel.load({}, { backstop: true, pins });
  for (const [part, why] of kernel.missing)
    log.warn({ part, lost: optionalParts[part].lost, why }, 'this kernel lacks a part');
  for (const problem of hostProblems(kernel)) log.error({ problem }, 'no pod can be held here');
  return kernel;
}

function capabilitiesOf({ missing }: Kernel): readonly Capability[] {
  return Object.entries(optionalParts).map(([name, { lost }]) =>
    missing.has(name as OptionalPart)
      ? { name, available: false, message: lost }
      : { name, available: true },
  );
}

function hostProblems(kernel: Kernel): readonly string[] {
  const hole = taggedSockets(kernel);
  return hole === undefined ? [] : [`${hole.message} ${hole.hint}`];
}

function resolveUpstreams({ upstreams }: AgentOptions): readonly string[] {
  if (upstreams.length > 0) return upstreams;
  const { nameservers } = parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8'));
  if (nameservers.length === 0) throw failure(errors.noUpstream);
  return nameservers;
}

function exists(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === 'help') process.stdout.write(usage);
  else await run(options);
} catch (error) {
  const { reason, hint, code } = fields(error);
  process.stderr.write(`torwacht-agent: ${reason}${code ? ` [${code}]` : ''}\n`);
  if (hint !== undefined) process.stderr.write(`  ${hint}\n`);
  process.exit(error instanceof TorwachtError ? exitCodes[error.exit] : exitCodes.internal);
}
