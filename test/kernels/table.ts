/**
 * The table kernel × capability: from what the machines told to what people read. docs/kernels.md holds
 * that of the last run that was kept (`make kernels` takes over build/kernels/table.json), which lies in
 * kept.json; table.test.ts fails where they differ, and the run itself where a kernel does not do what
 * kept.json says.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionalParts } from '#bpf/programs.ts';
import type { Facts } from './guest/job.ts';
import { KERNELS, ROOT } from './places.ts';
import { capabilities } from './plan.ts';

export interface Column {
  /** A suite of Debian, or `host`. */
  readonly name: string;
  /** Of the package; the host's kernel has none. */
  readonly version: string;
  readonly facts: Facts;
  /** By capability: `yes`, `no`, or why a part of it was skipped. */
  readonly results: Readonly<Record<string, string>>;
}

export const KEPT = join(import.meta.dirname, 'kept.json');
export const LATEST = join(KERNELS, 'table.json');
export const PAGE = join(ROOT, 'docs/kernels.md');
const BEGIN = '<!-- kernels: made by `make kernels` from the last `make test-kernels` -->';
const END = '<!-- /kernels -->';
const BLOCK = new RegExp(`^${BEGIN}\\n[\\s\\S]*?^${END}$`, 'm');

export const readColumns = (path: string): readonly Column[] =>
  JSON.parse(readFileSync(path, 'utf8')) as Column[];

export function render(columns: readonly Column[]): string {
  const row = (title: string, cell: (column: Column) => string) => [title, ...columns.map(cell)];
  const tried = capabilities.filter(({ id }) => columns.some(({ results }) => id in results));
  return grid([
    row('', ({ name, facts }) => `${series(facts.release)} (${name})`),
    row('version', ({ version }) => version),
    row('cgroups', ({ facts }) => facts.cgroups),
    row('packet hook', ({ facts }) => facts.packet),
    ...Object.keys(optionalParts).map((part) =>
      row(`part \`${part}\``, ({ facts }) => (facts.missing.includes(part) ? 'no' : 'yes')),
    ),
    ...tried.map(({ id, title }) => row(title, ({ results }) => results[id] ?? '–')),
    row('packet, times an empty program', ({ facts }) => ratio(facts).toFixed(1)),
  ]);
}

/** A cost that says nothing of the machine: how often an empty program fits into a packet of ours. */
export const ratio = ({ cost }: Facts): number => cost.ours / cost.empty;

export const series = (release: string): string => /^\d+\.\d+/.exec(release)?.[0] ?? release;

/** What is a promise: not versions, which move, and not figures, such as how many probes were skipped. */
export function promises(columns: readonly Column[]): Record<string, unknown> {
  const debian = columns.filter(({ name }) => name !== 'host');
  return Object.fromEntries(
    debian.map(({ name, facts, results }) => [
      name,
      {
        packet: facts.packet,
        missing: facts.missing,
        cgroups: facts.cgroups,
        results: Object.fromEntries(
          Object.entries(results).map(([id, cell]) => [id, cell.split(',')[0]]),
        ),
      },
    ]),
  );
}

export function blockOf(text: string): string | undefined {
  return BLOCK.exec(text)?.[0];
}

export const block = (columns: readonly Column[]): string =>
  [BEGIN, '', render(columns), '', END].join('\n');

/** Columns as wide as their widest cell, as the formatter has them. */
function grid(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((cells) => (cells[at] ?? '').length)),
  );
  const lines = rows.map((cells) => cells.map((text, at) => text.padEnd(widths[at] ?? 0)));
  lines.splice(
    1,
    0,
    widths.map((width) => '-'.repeat(width)),
  );
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

if (import.meta.main) {
  copyFileSync(LATEST, KEPT);
  const text = readFileSync(PAGE, 'utf8');
  writeFileSync(
    PAGE,
    text.replace(BLOCK, () => block(readColumns(KEPT))),
  );
}
