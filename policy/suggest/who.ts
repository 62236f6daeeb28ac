/**
 * Who used a destination, in one line for a comment. What a process calls itself is its own choice; rows
 * hold such bytes escaped, and whatever comes from elsewhere is escaped here.
 */
import { escapeText } from '#api/escape.ts';
import type { EgressEvent } from '#api/event.ts';

/** Characters of one name or path that are shown. */
const MAX_SHOWN = 80;

/** Text as it may stand in a comment: printable, on one line, bounded. What is so already stays as it is. */
export function shown(text: string): string {
  const printable = /^[\x20-\x7e]*$/.test(text) ? text : escapeText(text);
  return printable.length > MAX_SHOWN ? `${printable.slice(0, MAX_SHOWN - 3)}...` : printable;
}

type Process = Pick<EgressEvent, 'comm' | 'exe' | 'ancestry'>;

/** @example whoText(row) === 'MainThread [/usr/bin/node] (npm ci > sh)' */
export function whoText({ comm, exe, ancestry }: Process): string {
  const name = comm === null ? 'unknown process' : shown(comm);
  const program = exe === null || exe.endsWith(`/${comm}`) ? '' : ` [${shown(exe)}]`;
  const line = shown(ancestry.map((one) => one.comm).join(' > '));
  return `${name}${program}${line === '' ? '' : ` (${line})`}`;
}

/** How often each of them used one thing. */
export class Users {
  readonly #counts = new Map<string, number>();

  add(row: Process & Pick<EgressEvent, 'count'>): void {
    this.#add(whoText(row), row.count);
  }

  #add(who: string, times: number): void {
    this.#counts.set(who, (this.#counts.get(who) ?? 0) + times);
  }

  static together(all: readonly Users[]): Users {
    const sum = new Users();
    for (const one of all) for (const [who, times] of one.#counts) sum.#add(who, times);
    return sum;
  }

  /** The most frequent first; beyond `most` a number. */
  lines(most: number): readonly string[] {
    const all = [...this.#counts].sort(
      ([a, times], [b, others]) => others - times || (a < b ? -1 : Number(a > b)),
    );
    const lines = all.slice(0, most).map(([who, times]) => `${who}, ${timesText(times)}`);
    const more = all.length - lines.length;
    return more === 0 ? lines : [...lines, `and ${more} more`];
  }
}

function timesText(times: number): string {
  return times === 1 ? 'once' : `${times} times`;
}
