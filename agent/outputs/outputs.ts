/** All outputs of this agent: each gets every row, and none waits for another. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { escapeText } from '#api/escape.ts';
import type { EgressEvent } from '#api/event.ts';
import type { ToldTable } from '#bpf/told-table.ts';
import { Poster } from '#delivery/post.ts';
import type { Part } from '../evidence/told-row.ts';
import { Backlog } from './backlog.ts';
import { OutputCounters } from './counters.ts';
import { Delivery } from './delivery.ts';
import { Operator } from './operator.ts';
import { logsUrl, Otlp } from './otlp.ts';
import type { Output, Receiver, Tally } from './output.ts';
import type { OutputSpec } from './spec.ts';
import { Spool } from './spool.ts';
import { type Lines, Stdout } from './stdout.ts';
import { type OutputTold, ToldRows, untold } from './told.ts';
import { Webhook } from './webhook.ts';

export interface OutputsOptions {
  readonly outputs: readonly OutputSpec[];
  /** The node of this agent; empty where nobody has said it, and then the operator takes nothing. */
  readonly node: string;
  /** A folder of the node; empty: rows wait in memory alone. */
  readonly spool: string;
  /** Bytes on disk for each output. */
  readonly spoolBound: number;
  readonly lines: Lines;
  readonly log: Logger;
  readonly registry: Registry;
  readonly version: string;
  /** Where it is written down how much of the kernel's rows outputs were told; without, nowhere. */
  readonly told?: ToldTable | undefined;
  /** Ids of targets that the kernel knows from processes before this one. */
  readonly targets?: ReadonlySet<number>;
}

/** Rows that wait in memory, of each output. */
const MEMORY = 8192;
/** A disk that took nothing is tried again after, ms. */
const PAUSE = 1000;

export class Outputs {
  /** What all of them were told by agents before this one. */
  readonly told: ToldRows | undefined;
  #outputs: readonly Output[] = [];

  private constructor(told: ToldRows | undefined) {
    this.told = told;
  }

  /** Looks at what agents before this one have left, on disk and in the kernel's maps. Rejects never. */
  static async open(options: OutputsOptions): Promise<Outputs> {
    const begun = await Promise.all(options.outputs.map((spec) => begin(spec, options)));
    const outputs = new Outputs(openTold(begun, options));
    const counters = new OutputCounters(options.registry, () => outputs.#outputs);
    outputs.#outputs = begun.map((one) => {
      const tally = counters.of(one.spec.name);
      const told = outputs.told?.output(one.spec.name) ?? untold;
      return start(one, { tally, told, options });
    });
    return outputs;
  }

  send(event: EgressEvent, parts?: readonly Part[]): void {
    for (const output of this.#outputs) output.send(event, parts);
  }

  /** Delivers for so many ms what waits, and keeps the rest on disk. */
  async end(ms: number): Promise<void> {
    const signal = AbortSignal.timeout(ms);
    await Promise.all(this.#outputs.map((output) => output.end(signal)));
  }
}

/** An output at its start, with what its spool holds from before. */
interface Begun {
  readonly spec: OutputSpec;
  readonly instance: string;
  readonly spool: Spool | undefined;
  readonly spooled: ReadonlyMap<string, number>;
  /** Rows that could not be read, until somebody counts them. */
  readonly unreadable: { rows: number; tally: Tally | undefined };
}

async function begin(spec: OutputSpec, { spool, spoolBound }: OutputsOptions): Promise<Begun> {
  const unreadable: Begun['unreadable'] = { rows: 0, tally: undefined };
  if (spec.kind === 'stdout' || spool === '') {
    return { spec, instance: randomUUID(), spool: undefined, spooled: new Map(), unreadable };
  }
  const instance = randomUUID();
  const own = new Spool({
    folder: join(spool, spec.name),
    bound: spoolBound,
    instance,
    started: Date.now(),
    unreadable(rows) {
      if (unreadable.tally) unreadable.tally.dropped(rows, 'unreadable');
      else unreadable.rows += rows;
    },
  });
  return { spec, instance, spool: own, spooled: await own.found(), unreadable };
}

function openTold(begun: readonly Begun[], options: OutputsOptions): ToldRows | undefined {
  const { told, targets = new Set<number>(), log } = options;
  if (told === undefined) return undefined;
  const beginnings = begun.map(({ spec: { name }, instance, spooled }) => ({
    ...{ name, instance, spooled },
  }));
  const fault = (error: unknown) =>
    log.warn({ reason: reasonOf(error) }, 'what was told is not written down');
  return new ToldRows(told, beginnings, { targets, fault });
}

function start(
  { spec, instance, spool, unreadable }: Begun,
  { tally, told, options }: { tally: Tally; told: OutputTold; options: OutputsOptions },
): Output {
  const { name } = spec;
  unreadable.tally = tally;
  if (unreadable.rows > 0) tally.dropped(unreadable.rows, 'unreadable');
  if (spec.kind === 'stdout') return new Stdout(name, { ...options, tally, told });
  const log = options.log.child({ output: name });
  return new Delivery({
    name,
    backlog: new Backlog({
      ...{ instance, spool, told },
      memory: MEMORY,
      pause: PAUSE,
      fault: (error) => log.warn({ reason: reasonOf(error) }, 'rows cannot be kept on disk'),
    }),
    receiver: openReceiver(spec, options),
    tally,
    told,
    random: Math.random,
    pause: (ms, signal) => sleep(ms, undefined, { signal, ref: false }).catch(() => {}),
    trouble(why) {
      if (why === undefined) log.info('rows are taken again');
      else log.warn({ reason: escapeText(why) }, 'rows are not taken');
    },
  });
}

function openReceiver(
  spec: Exclude<OutputSpec, { kind: 'stdout' }>,
  { version, node }: OutputsOptions,
): Receiver {
  const common = { userAgent: `torwacht-agent/${version}`, now: Date.now };
  if (spec.kind === 'operator') return new Operator({ ...common, folder: spec.folder, node });
  const { kind, url, file } = spec;
  if (kind === 'webhook')
    return new Webhook({ ...common, poster: new Poster(url), secretFile: file });
  const poster = new Poster(logsUrl(url));
  return new Otlp({ ...common, poster, headersFile: file, version, host: hostname() });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
