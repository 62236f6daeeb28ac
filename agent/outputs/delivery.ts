/** An output that delivers rows to a receiver: in order, batch by batch, again and again until it has them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EgressEvent } from '#api/event.ts';
import type { Answer } from '#delivery/answer.ts';
import { backOff } from '#delivery/back-off.ts';
import type { Part, ToldRow } from '../evidence/told-row.ts';
import type { Backlog } from './backlog.ts';
import { attemptsOf, type Batch, type Output, type Receiver, type Tally } from './output.ts';
import { isGrowth, Summed } from './summed.ts';
import { type OutputTold, untold } from './told.ts';

/** Rows of one batch. */
const BATCH = 512;
/** Sums that go on their way at once. */
const STEP = 2048;
/** Rows that wait as sums: as many as the kernel has room for. */
const SUMS = 65_536;

export interface DeliveryOptions {
  readonly name: string;
  readonly backlog: Backlog;
  readonly receiver: Receiver;
  readonly tally: Tally;
  /** The same as the backlog's. */
  readonly told?: OutputTold;
  /** From 0 to 1. */
  random(): number;
  /** Lets so many ms pass, or fewer once `signal` is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Rows are not taken, with the reason; undefined: they are again. */
  trouble(why: string | undefined): void;
}

export class Delivery implements Output {
  readonly name: string;
  readonly #options: DeliveryOptions;
  readonly #told: OutputTold;
  readonly #running: Promise<void>;
  /** Ends waiting for the next try. */
  readonly #ending = new AbortController();
  /** Ends a delivery under way. */
  readonly #stop = new AbortController();
  readonly #summed = new Summed(SUMS);
  #troubled = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.name = options.name;
    this.#told = options.told ?? untold;
    options.backlog.eased = () => this.#flow();
    this.#running = this.#run();
  }

  get waiting(): number {
    return this.#options.backlog.waiting + this.#summed.size;
  }

  send(event: EgressEvent, parts: readonly Part[] = []): void {
    const row = this.#told.rest({ event, parts });
    if (row !== undefined) this.#take(row);
  }

  #take({ event, parts }: ToldRow): void {
    const { backlog } = this.#options;
    // Not before what was added up of the same row: its count never falls.
    const isSummed =
      backlog.room <= 0 || this.#summed.has(event) || (isGrowth(event) && backlog.isCrowded);
    if (!(isSummed && this.#summed.add(event, parts))) this.#push({ event, parts });
  }

  #push({ event, parts }: ToldRow): void {
    const { backlog, tally } = this.#options;
    if (backlog.push(event, parts)) return;
    tally.dropped(1, backlog.isClosed ? 'ended' : 'full', attemptsOf([event]));
    // What comes when this agent ends is the next one's to tell.
    if (!backlog.isClosed) this.#told.settled(parts);
  }

  /** Sums go on their way as soon as there is room: those that say nothing new, once it is not crowded any more. */
  #flow(): void {
    const { backlog } = this.#options;
    const most = Math.min(STEP, backlog.room);
    if (this.#summed.size === 0 || most <= 0) return;
    const which = backlog.isCrowded ? 'firsts' : 'all';
    for (const row of this.#summed.take(most, which)) this.#push(row);
  }

  /** One more try for all that waits; what it does not reach is kept on disk, or lost and counted. */
  async end(signal: AbortSignal): Promise<void> {
    this.#ending.abort();
    const stop = () => this.#stop.abort();
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    const idle = this.#idle(signal);
    await Promise.race([this.#running, idle]);
    signal.removeEventListener('abort', stop);
    stop();
    this.#options.backlog.stop();
    await this.#running;
    const lost = await this.#options.backlog.keep(this.#summed.take(SUMS));
    if (lost.length > 0) this.#options.tally.dropped(lost.length, 'ended', attemptsOf(lost));
    this.#options.receiver.close();
  }

  async #idle(signal: AbortSignal): Promise<void> {
    while (this.waiting > 0 && !signal.aborted) await sleep(5);
  }

  async #run(): Promise<void> {
    for (;;) {
      const batch = await this.#options.backlog.next(BATCH);
      if (batch === undefined || !(await this.#deliver(batch))) return;
      await this.#options.backlog.done(batch);
      this.#flow();
    }
  }

  /** False where the agent ends before the receiver has it. */
  async #deliver(batch: Batch): Promise<boolean> {
    for (let failures = 1; ; failures++) {
      const answer = await this.#ask(batch);
      this.#tell(answer);
      if (answer.kind !== 'later') {
        this.#count(batch, answer);
        return true;
      }
      if (this.#ending.signal.aborted) return false;
      const { random, pause, tally } = this.#options;
      await pause(backOff(failures, answer.after, random), this.#ending.signal);
      tally.retried();
    }
  }

  async #ask(batch: Batch): Promise<Answer> {
    try {
      return await this.#options.receiver.deliver(batch, this.#stop.signal);
    } catch (error) {
      return { kind: 'later', why: (error as Error).message };
    }
  }

  /** Of a part that is refused nobody knows which rows it is, and so not how often they were. */
  #count({ events }: Batch, answer: Exclude<Answer, { kind: 'later' }>): void {
    const rows = events.length;
    const refused = answer.kind === 'refused' ? rows : Math.min(answer.refused, rows);
    const attempts = refused === rows ? attemptsOf(events.map(({ event }) => event)) : undefined;
    if (refused > 0) this.#options.tally.dropped(refused, 'refused', attempts);
    if (refused < rows) this.#options.tally.sent(rows - refused);
  }

  /** Once, until it changes. */
  #tell(answer: Answer): void {
    const troubled = answer.kind !== 'taken' || answer.refused > 0;
    if (troubled !== this.#troubled)
      this.#options.trouble(troubled ? (answer.why ?? '') : undefined);
    this.#troubled = troubled;
  }
}
