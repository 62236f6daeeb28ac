/** All outputs of this agent: each gets every row, and none waits for another. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { escapeText } from '#api/escape.ts';
import type { EgressEvent } from '#api/event.ts';
import { Poster } from '#delivery/post.ts';
import { Backlog } from './backlog.ts';
import { OutputCounters } from './counters.ts';
import { Delivery } from './delivery.ts';
import { Operator } from './operator.ts';
import { logsUrl, Otlp } from './otlp.ts';
import type { Output, Receiver, Tally } from './output.ts';
import type { OutputSpec } from './spec.ts';
import { Spool } from './spool.ts';
import { type Lines, Stdout } from './stdout.ts';
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
}

/** Rows that wait in memory, of each output. */
const MEMORY = 8192;
/** A disk that took nothing is tried again after, ms. */
const PAUSE = 1000;

export class Outputs {
  readonly #outputs: readonly Output[];

  constructor(options: OutputsOptions) {
    const counters = new OutputCounters(options.registry, () => this.#outputs);
    this.#outputs = options.outputs.map((spec) => open(spec, counters.of(spec.name), options));
  }

  send(event: EgressEvent): void {
    for (const output of this.#outputs) output.send(event);
  }

  /** Delivers for so many ms what waits, and keeps the rest on disk. */
  async end(ms: number): Promise<void> {
    const signal = AbortSignal.timeout(ms);
    await Promise.all(this.#outputs.map((output) => output.end(signal)));
  }
}

function open(spec: OutputSpec, tally: Tally, options: OutputsOptions): Output {
  const { name } = spec;
  if (spec.kind === 'stdout') return new Stdout(name, { ...options, tally });
  const log = options.log.child({ output: name });
  const instance = randomUUID();
  const spool = openSpool(name, instance, tally, options);
  return new Delivery({
    name,
    backlog: new Backlog({
      instance,
      spool,
      memory: MEMORY,
      pause: PAUSE,
      fault: (error) => log.warn({ reason: reasonOf(error) }, 'rows cannot be kept on disk'),
    }),
    receiver: openReceiver(spec, options),
    tally,
    random: Math.random,
    pause: (ms, signal) => sleep(ms, undefined, { signal, ref: false }).catch(() => {}),
    trouble(why) {
      if (why === undefined) log.info('rows are taken again');
      else log.warn({ reason: escapeText(why) }, 'rows are not taken');
    },
  });
}

function openSpool(
  name: string,
  instance: string,
  tally: Tally,
  { spool, spoolBound }: OutputsOptions,
): Spool | undefined {
  if (spool === '') return undefined;
  return new Spool({
    folder: join(spool, name),
    bound: spoolBound,
    instance,
    started: Date.now(),
    unreadable: (rows) => tally.dropped(rows, 'unreadable'),
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
