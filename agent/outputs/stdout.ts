/**
 * Standard output, for the agent's log and for rows: one JSON object a line. Written in the background; a reader that
 * stands still costs lines, not look-ups.
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import { asciiUnits } from '#api/escape.ts';
import type { EgressEvent } from '#api/event.ts';
import type { Part, ToldRow } from '../evidence/told-row.ts';
import { attemptsOf, type Output, type Tally } from './output.ts';
import { type OutputTold, untold } from './told.ts';

/** Bytes that wait for the reader. */
const BOUND = 4 * 1024 * 1024;

export interface Lines extends DestinationStream {
  /** Lines that were dropped so far. */
  readonly dropped: number;
  /** Bytes of all others so far. */
  readonly taken: number;
  /** Calls back with how many of those bytes are written, whenever that has grown. */
  onWritten(callback: (bytes: number) => void): void;
}

export function openLines(fd = 1, bound = BOUND): Lines {
  const destination = pino.destination({ dest: fd, sync: false, maxLength: bound });
  let [dropped, taken, written] = [0, 0, 0];
  destination.on('drop', () => dropped++);
  return {
    get dropped() {
      return dropped;
    },
    get taken() {
      return taken;
    },
    onWritten(callback) {
      destination.on('write', (bytes: number) => {
        written += bytes;
        callback(written);
      });
    },
    write(line) {
      const text = `${asciiUnits(line.trimEnd())}\n`;
      const before = dropped;
      destination.write(text);
      if (dropped === before) taken += text.length;
    },
  };
}

export class Stdout implements Output {
  readonly waiting = 0;
  readonly name: string;
  readonly #lines: Lines;
  readonly #log: Logger;
  readonly #tally: Tally;
  readonly #told: OutputTold;
  /** Rows whose lines wait, with how many bytes are written when theirs are. */
  readonly #waiting: { readonly until: number; readonly parts: readonly Part[] }[] = [];

  /** Rows are lines of this log, whatever its level. */
  constructor(
    name: string,
    {
      lines,
      log,
      tally,
      told = untold,
    }: { lines: Lines; log: Logger; tally: Tally; told?: OutputTold },
  ) {
    this.name = name;
    this.#lines = lines;
    this.#log = log.child({}, { level: 'info' });
    this.#tally = tally;
    this.#told = told;
    if (told !== untold) lines.onWritten((bytes) => this.#written(bytes));
  }

  send(event: EgressEvent, parts: readonly Part[] = []): void {
    const row = this.#told.rest({ event, parts });
    if (row !== undefined) this.#take(row);
  }

  #take({ event, parts }: ToldRow): void {
    const before = this.#lines.dropped;
    this.#log.info({ event }, 'egress');
    if (this.#lines.dropped > before) {
      this.#tally.dropped(1, 'full', attemptsOf([event]));
      this.#told.settled(parts);
      return;
    }
    this.#tally.sent(1);
    if (this.#told !== untold) this.#waiting.push({ until: this.#lines.taken, parts });
  }

  #written(bytes: number): void {
    const open = this.#waiting.findIndex(({ until }) => until > bytes);
    const done = this.#waiting.splice(0, open < 0 ? this.#waiting.length : open);
    for (const { parts } of done) this.#told.settled(parts);
  }

  async end(): Promise<void> {}
}
