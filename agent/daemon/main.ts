/** The agent of one node: a container runtime's pods, the bundle on disk, and one engine between them. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { exitCodes, failure, TorwachtError } from '#api/error.ts';
import { Kernel } from '#bpf/kernel.ts';
import { MAX_TARGETS } from '#bpf/layout.ts';
import { optionalParts } from '#bpf/programs.ts';
import manifest from '../../package.json' with { type: 'json' };
import { cgroupIds, cgroupPath, isGone, membersOf } from '../cgroup/cgroup.ts';
import { findCgroup2, readMounts } from '../cgroup/mountinfo.ts';
import { taggedSockets } from '../cgroup/tags.ts';
import { ContainerdWatcher } from '../containerd/watcher.ts';
import { Engine } from '../engine/engine.ts';
import { pinRoot } from '../leftovers/bpffs.ts';
import { removePins } from '../leftovers/sweep.ts';
import { storeOf } from '../parent/kept-sockets.ts';
import { type PodLog, Pods } from '../pods/pods.ts';
import { parseResolvConf } from '../resolver/resolv-conf.ts';
import { lastingBpffs } from './bpffs.ts';
import { Bundle } from './bundle.ts';
import { errors } from './errors.ts';
import { serveHealth } from './health.ts';
import { holdSandbox, pinsOf, Upstreams } from './hold.ts';
import { Metrics } from './metrics.ts';
import { type AgentOptions, readOptions, usage } from './options.ts';
import { sweepPins } from './pod-pins.ts';

/** How often folders of ended pods are looked for, ms. */
const SWEEP_INTERVAL = 5000;

async function run(options: AgentOptions): Promise<void> {
  const log = pino({ level: options.logLevel, base: { version: manifest.version } });
  const bundle = new Bundle(options.bundle);
  bundle.read();
  if (bundle.problem) log.error(fields(bundle.problem), 'the bundle is not in force');
  const upstreams = new Upstreams(resolveUpstreams(options));
  const { engine, kernel, place } = await startEngine(log, options.maps);
  const cgroupExists = (name: string): boolean => exists(cgroupPath(name, place.cgroups));
  const watcher = new ContainerdWatcher({ socket: options.containerd });
  let connected = false;

  const metrics = new Metrics({
    held: () => pods.held,
    pending: () => pods.pending,
    kernel: () => kernel.counters(),
    lacks: (part) => kernel.missing.has(part),
    bundleGood: () => bundle.problem === undefined,
    connected: () => connected,
  });
  const pods: Pods = new Pods({
    documents: bundle.documents,
    hold: (sandbox, governed) =>
      holdSandbox(engine, upstreams, place, {
        sandbox,
        governed,
        onRow(event) {
          metrics.row(event);
          log.info({ event }, 'egress');
        },
      }),
    cgroupExists,
    forget: (sandbox) => removePins(pinsOf(place, sandbox)),
    log: podLog(log, metrics),
  });
  const health = await serveHealth({
    ...options.listen,
    metrics: metrics.registry,
    problems: () => [
      ...(connected ? [] : ['the container runtime does not answer']),
      ...hostProblems(kernel),
      ...(bundle.problem === undefined ? [] : [bundle.problem.message]),
    ],
  });
  watcher.start({
    started: (sandbox) => pods.started(sandbox),
    ended: () => pods.ended(),
    listed(sandboxes) {
      if (!connected)
        log.info({ runtime: watcher.runtime, running: sandboxes.length }, 'connected');
      connected = true;
      pods.listed(sandboxes);
    },
    fault(error) {
      if (error instanceof TorwachtError && error.code === 'TW_CONTAINERD_LOST') connected = false;
      log.error(fields(error), 'the container runtime');
    },
  });
  pods.watch();
  sweepRegularly(log, place.pins, cgroupExists);
  bundle.watch(() => {
    if (bundle.problem) {
      log.error(
        fields(bundle.problem),
        'the changed bundle is not in force, the last good one stays',
      );
      return;
    }
    pods.setDocuments(bundle.documents);
    log.info({ documents: bundle.documents.length }, 'the changed bundle is in force');
  });
  log.info({ bundle: options.bundle, listen: health.port }, 'ready');

  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  // What is attached and pinned goes on refusing; only this process goes.
  log.info({ held: pods.held }, 'leaving');
  watcher.close();
  pods.stop();
  await health.close();
  process.exit(0);
}

function podLog(log: Logger, metrics: Metrics): PodLog {
  return {
    held({ namespace, name, uid }, { policy }, milliseconds) {
      metrics.attached(milliseconds);
      const { mode, digest } = policy;
      log.info({ namespace, pod: name, uid, mode, policy: digest, milliseconds }, 'pod held');
    },
    ended: ({ namespace, name, uid }) => log.info({ namespace, pod: name, uid }, 'pod ended'),
    failed({ namespace, name, uid }, error) {
      metrics.attachFailed();
      log.error({ namespace, pod: name, uid, ...fields(error) }, 'pod not held');
    },
    unchanged: ({ namespace, name, uid }, error) =>
      log.error({ namespace, pod: name, uid, ...fields(error) }, 'the last good policy stays'),
  };
}

/** Pods that ended while no agent ran are known by their folders alone. */
function sweepRegularly(log: Logger, pins: string, cgroupExists: (name: string) => boolean): void {
  const sweep = (): void => {
    try {
      const uids = sweepPins(pins, cgroupExists);
      if (uids.length > 0) log.info({ uids }, 'what was pinned for ended pods is removed');
    } catch (error) {
      log.error(fields(error), 'what was pinned for ended pods stays');
    }
  };
  sweep();
  setInterval(sweep, SWEEP_INTERVAL).unref();
}

/** Goes on with what an agent before this one holds: its maps and links are pinned. */
async function startEngine(log: Logger, maps: string) {
  const pins = pinRoot(lastingBpffs());
  const kernel = await loadKernel(log, join(pins, maps));
  const cgroups = findCgroup2(readMounts());
  const engine = new Engine(kernel, {
    slots: MAX_TARGETS,
    version: manifest.version,
    fault: (error) => log.warn(fields(error), 'a lookup failed'),
    living: () => cgroupIds(cgroups.path),
    members: membersOf,
    sockets: storeOf(process.env),
  });
  return { engine, kernel, place: { cgroups, pins: join(pins, 'pods') } };
}

/** Tells what is lost on this kernel, and what keeps it from holding anything. */
async function loadKernel(log: Logger, pins: string): Promise<Kernel> {
  const kernel = await Kernel.load({}, { backstop: true, pins });
  for (const [part, why] of kernel.missing)
    log.warn({ part, lost: optionalParts[part].lost, why }, 'this kernel lacks a part');
  for (const problem of hostProblems(kernel)) log.error({ problem }, 'no pod can be held here');
  return kernel;
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

/** An error as fields of a log line. */
function fields(error: unknown): { code?: string; reason: string; hint?: string } {
  if (!(error instanceof TorwachtError)) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
  return { code: error.code, reason: error.message, hint: error.hint };
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
