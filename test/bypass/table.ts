/**
 * docs/bypasses.md, made from the techniques; and the block that any page may show between its markers.
 * `node test/bypass/table.ts` (make bypasses) writes both; table.test.ts fails when they are stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pages } from '#cli/docs/blocks.ts';
import type { Group, Technique } from './technique.ts';
import { groups } from './techniques/all.ts';

const root = join(import.meta.dirname, '../..');
export const PAGE = 'docs/bypasses.md';
const begin = '<!-- bypasses: made by `make bypasses` -->';
const end = '<!-- /bypasses -->';
const marked = new RegExp(`^${begin}\\n[\\s\\S]*?^${end}$`, 'gm');

const outcomes = {
  stopped: 'Stopped: refused and recorded.',
  limit: 'Limits: what gets through, and why.',
  'not-applicable': 'Not applicable to one machine.',
} as const;

export function all(of: readonly Group[] = groups): readonly Technique[] {
  return of.flatMap(({ techniques }) => techniques);
}

/** The page as it should be. */
export function bypassesPage(): string {
  const sections = Object.entries(outcomes).flatMap(([outcome, title]) => {
    const found = all().filter((one) => one.outcome === outcome);
    if (found.length === 0) return [];
    const rows = found.map(({ id, title: what, how, by, source }) => [
      `\`${id}\``,
      what,
      how,
      by,
      source,
    ]);
    const because = outcome === 'stopped' ? 'what stops it' : 'why';
    return [`## ${title}`, table(['id', 'technique', 'how it works', because, 'seen in'], rows)];
  });
  return `${[
    '# Bypasses',
    `Ways around an egress filter, and what becomes of them here. Each that is stopped is tried twice by
\`make test-bypass\`: without Torwacht it must get through, with it it must be refused and leave a row, and
the other side of the wire is the witness. A limit is tried as well, and gets through. This page is made
from the probes (test/bypass); [limits.md](limits.md) says more of each limit.`,
    summary(),
    ...sections,
  ].join('\n\n')}\n`;
}

/** For other pages: how many, and which get through. */
export function summary(): string {
  const count = (outcome: Technique['outcome']) =>
    all().filter((one) => one.outcome === outcome).length;
  const limits = all().filter(({ outcome }) => outcome === 'limit');
  return [
    begin,
    '',
    `${all().length} techniques: ${count('stopped')} stopped, ${limits.length} limits, ${count('not-applicable')} not applicable.`,
    ...(limits.length === 0 ? [] : ['What gets through:', '']),
    ...limits.map(({ title, by }) => `- **${title}.** ${by}`),
    '',
    end,
  ].join('\n');
}

/** Every block of a page as it should be. */
export function withBlocks(text: string): string {
  return text.replaceAll(marked, () => summary());
}

export function blocksOf(text: string): readonly string[] {
  return text.match(marked) ?? [];
}

/** Columns as wide as their widest cell, as the formatter has them. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((text) => text.replaceAll('|', '\\|')));
  const widths = head.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  const lines = cells.map((row) => row.map((text, at) => text.padEnd(widths[at] ?? 0)));
  lines.splice(
    1,
    0,
    widths.map((width) => '-'.repeat(width)),
  );
  return lines.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

if (import.meta.main) {
  writeFileSync(join(root, PAGE), bypassesPage());
  for (const { name } of pages()) {
    const path = join(root, name);
    const text = readFileSync(path, 'utf8');
    if (blocksOf(text).length > 0) writeFileSync(path, withBlocks(text));
  }
}
