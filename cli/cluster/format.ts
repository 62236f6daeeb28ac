/** How what a cluster says is written for people. */
import { lineText } from '#policy/explain-steps.ts';
import type { Line } from '#policy/in-force.ts';
import { type Io, printable, styled } from '../policy/io.ts';
import { textTable } from '../table.ts';

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
] as const;

/** As kubectl writes it, by the largest unit. @param now ms since the epoch */
export function age(created: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(created)) / 1000));
  const unit = UNITS.find(([size]) => seconds >= 2 * size);
  return unit === undefined ? `${seconds}s` : `${Math.floor(seconds / unit[0])}${unit[1]}`;
}

export function printTable(
  io: Io,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const cells = rows.map((row) =>
    row.map((cell) => printable(cell).replaceAll(/ {2,}/g, ' ') || '-'),
  );
  io.stdout.write(textTable(heads, cells, (head) => styled(io, 'bold', head)));
}

export function printFacts(io: Io, facts: readonly (readonly [string, string])[]): void {
  const width = Math.max(...facts.map(([label]) => label.length));
  for (const [label, text] of facts) {
    io.stdout.write(`${styled(io, 'dim', label.padEnd(width))}  ${printable(text)}\n`);
  }
}

export function printSentences(io: Io, label: string, sentences: readonly string[]): void {
  for (const text of sentences) {
    io.stdout.write(`${styled(io, 'dim', label)}: ${printable(text)}\n`);
  }
}

/** @example portsText({ ports: [{ protocol: 6, from: 443, to: 443 }] }) === '443/TCP' */
export function portsText({ ports }: Pick<Line, 'ports'>): string {
  const all = ports.some(({ protocol, from, to }) => protocol === 0 && from <= 1 && to === 65_535);
  return all ? 'all' : ports.map(lineText).join(', ');
}
