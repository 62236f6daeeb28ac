/**
 * Tells one route's receiver: gathers, waits for its turn, and tries until it is taken. While a receiver is away only
 * the groups grow, and they are bounded.
 */
import { randomUUID } from 'node:crypto';
import type { EgressEvent } from '#api/event.ts';
import type { Answer } from '#delivery/answer.ts';
import { backOff } from '#delivery/back-off.ts';
import { type Clock, sleep } from '#kube/index.ts';
import type { Tally } from './counters.ts';
import { Groups, type Notice } from './groups.ts';
import { jobLink } from './link.ts';
import type { Message } from './message.ts';
import type { AlertReceiver } from './receivers/receiver.ts';
import { manners, type Route } from './route.ts';

/** Rows of one attack come together. ms */
const GATHER = 2000;
/** Groups of one route. */
const MOST = 1000;
/** Messages that may follow each other at once. */
const BURST = 10;
/** Between two messages to a receiver that is told all the time, ms. */
const INSISTING = 10_000;
const HOUR = 3_600_000;

export interface RouteDeliveryOptions {
  readonly route: Route;
  readonly receiver: AlertReceiver;
  readonly clock: Clock;
  readonly tally: Tally;
  /** Does this replica lead? Another one tells otherwise. */
  leads(): boolean;
  /** It does not take messages, with the reason; undefined: it does again. */
  trouble(why: string | undefined): void;
}

export class RouteDelivery {
  readonly #options: RouteDeliveryOptions;
  readonly #groups: Groups;
  readonly #running: Promise<void>;
  readonly #stop = new AbortController();
  readonly #instance = randomUUID();
  #wake: () => void = () => {};
  #messages = 0;
  #troubled = false;
  /** Messages that may be sent now, and when that was known. */
  #credit: number;
  #creditAt: number;

  constructor(options: RouteDeliveryOptions) {
    this.#options = options;
    const { kind, spec, gitlab } = options.route;
    const { rows, insist } = manners[kind];
    this.#groups = new Groups({
      quiet: spec.resolveAfterSeconds * 1000,
      repeat: insist ?? spec.repeatAfterSeconds * 1000,
      insist: insist !== undefined,
      most: MOST,
      rows,
      fold: insist === undefined,
      link: (event) => jobLink(gitlab, event),
    });
    this.#credit = Math.min(BURST, spec.maxPerHour);
    this.#creditAt = options.clock.monotonic();
    this.#running = this.#run();
  }

  /** Groups that are open. */
  get open(): number {
    return this.#groups.size;
  }

  add(event: EgressEvent): void {
    const grouped = this.#groups.add(event, this.#options.clock.monotonic());
    if (!grouped) this.#options.tally.folded(Math.max(0, event.added ?? event.count));
    this.#wake();
  }

  /** Sends a message now that says that it is a test. */
  test(): Promise<Answer> {
    const nothing = { firing: [], resolved: [], more: { groups: 0, attempts: 0 } };
    return this.#ask(this.#message(nothing, true));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
    this.#options.receiver.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { clock, tally } = this.#options;
    for (;;) {
      await this.#due();
      await sleep(clock, GATHER, signal);
      await sleep(clock, this.#turn(), signal);
      if (signal.aborted) return tally.dropped(this.#groups.untold, 'ended');
      if (!this.#options.leads()) {
        this.#groups.clear();
        continue;
      }
      this.#spend();
      await this.#deliver(this.#message(this.#groups.take(clock.monotonic()), false));
    }
  }

  /** Resolves when something has to be told. */
  async #due(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      const wait = this.#groups.dueIn(clock.monotonic());
      if (wait === 0) return;
      await new Promise<void>((resolve) => {
        const cancel = wait === undefined ? () => {} : clock.after(wait, () => this.#wake());
        this.#wake = () => {
          cancel();
          this.#wake = () => {};
          resolve();
        };
      });
    }
  }

  /** ms until the next message may be sent. */
  #turn(): number {
    const { route, clock } = this.#options;
    if (manners[route.kind].insist !== undefined) return INSISTING - GATHER;
    const { maxPerHour } = route.spec;
    const now = clock.monotonic();
    const earned = ((now - this.#creditAt) * maxPerHour) / HOUR;
    this.#credit = Math.min(Math.min(BURST, maxPerHour), this.#credit + earned);
    this.#creditAt = now;
    return this.#credit >= 1 ? 0 : Math.ceil(((1 - this.#credit) * HOUR) / maxPerHour);
  }

  #spend(): void {
    this.#turn();
    this.#credit -= 1;
  }

  #message(notice: Notice, test: boolean): Message {
    const { route, clock } = this.#options;
    this.#messages += 1;
    const id = `${this.#instance}.${this.#messages}`;
    return { ...notice, id, test, binding: route.binding, route: route.name, time: clock.wall() };
  }

  async #deliver(message: Message): Promise<void> {
    const { clock, tally } = this.#options;
    const rows = message.firing.length + message.resolved.length + message.more.groups;
    for (let failures = 1; ; failures += 1) {
      const answer = await this.#ask(message);
      this.#tell(answer);
      if (answer.kind === 'taken') return tally.sent();
      if (answer.kind === 'refused') return tally.dropped(rows, 'refused');
      if (this.#isOver) return tally.dropped(rows, 'ended');
      await sleep(
        clock,
        backOff(failures, answer.after, () => clock.random()),
        this.#stop.signal,
      );
      if (this.#isOver) return tally.dropped(rows, 'ended');
      tally.retried();
    }
  }

  get #isOver(): boolean {
    return this.#stop.signal.aborted || !this.#options.leads();
  }

  async #ask(message: Message): Promise<Answer> {
    try {
      return await this.#options.receiver.deliver(message, this.#stop.signal);
    } catch (error) {
      return { kind: 'later', why: (error as Error).message };
    }
  }

  /** Once, until it changes. */
  #tell(answer: Answer): void {
    const troubled = answer.kind !== 'taken' || answer.why !== undefined;
    if (troubled !== this.#troubled) this.#options.trouble(troubled ? answer.why : undefined);
    this.#troubled = troubled;
  }
}
