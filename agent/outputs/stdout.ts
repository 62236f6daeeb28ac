/**
 * Standard output, for the agent's log and for rows: one JSON object a line. Written in the background; a reader that
 * stands still costs lines, not look-ups.
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import { asciiUnits } from '#api/escape.ts';
import type { EgressEvent } from '#api/event.ts';
import { attemptsOf, type Output, type Tally } from './output.ts';

/** Bytes that wait for the reader. */
const BOUND = 4 * 1024 * 1024;

export interface Lines extends DestinationStream {
  /** Lines that were dropped so far. */
  readonly dropped: number;
}

export function openLines(fd = 1, bound = BOUND): Lines {
  const destination = pino.destination({ dest: fd, sync: false, maxLength: bound });
  let dropped = 0;
  destination.on('drop', () => dropped++);
  return {
    get dropped() {
      return dropped;
    },
    write: (line) => void destination.write(`${asciiUnits(line.trimEnd())}\n`),
  };
}

export class Stdout implements Output {
  readonly waiting = 0;
  readonly name: string;
  readonly #lines: Lines;
  readonly #log: Logger;
  readonly #tally: Tally;

  /** Rows are lines of this log, whatever its level. */
  constructor(name: string, { lines, log, tally }: { lines: Lines; log: Logger; tally: Tally }) {
    this.name = name;
    this.#lines = lines;
    this.#log = log.child({}, { level: 'info' });
    this.#tally = tally;
  }

  send(event: EgressEvent): void {
    const before = this.#lines.dropped;
    this.#log.info({ event }, 'egress');
    if (this.#lines.dropped > before) this.#tally.dropped(1, 'full', attemptsOf([event]));
    else this.#tally.sent(1);
  }

  async end(): Promise<void> {}
}
