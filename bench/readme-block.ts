/** The figures as README.md shows them: a table between two markers, with the machine it comes from. */
import type { Figure } from './figure.ts';
import { quantity } from './table.ts';

export const BEGIN = '<!-- figures: node scripts/figures.ts -->';
export const END = '<!-- /figures -->';

/** Markdown: what has a target, and folded away what is only watched. */
export function figuresBlock(figures: readonly Figure[], machine: string): string {
  const judged = figures.filter((one) => one.target !== null);
  const watched = figures.filter((one) => one.target === null);
  const lines = [`Machine: ${machine}.`, '', ...grid(judged)];
  if (watched.length > 0) {
    const title = '<summary>Watched, without a target</summary>';
    lines.push('', '<details>', title, '', ...grid(watched), '', '</details>');
  }
  return lines.join('\n');
}

/** Aligned as the formatter of the house would leave it. */
function grid(figures: readonly Figure[]): string[] {
  const rows = [
    ['figure', 'measured', 'baseline', 'target', 'holds'],
    ...figures.map((one) => [
      one.name,
      quantity(one.value, one.unit),
      one.baseline === null ? '–' : quantity(one.baseline, one.unit),
      one.target ?? '–',
      one.target === null ? '–' : one.holds ? 'yes' : 'no',
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((i) =>
    Math.max(...rows.map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [header = [], ...body] = rows;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)];
}

/** The text with what stands between the markers replaced. @throws without exactly one pair of them */
export function replaceBlock(text: string, block: string): string {
  const parts = text.split(BEGIN);
  const [, after] = parts;
  const end = after?.indexOf(END) ?? -1;
  if (parts.length !== 2 || after === undefined || end < 0) {
    throw new Error(`there must be one ${BEGIN} with one ${END} behind it`);
  }
  return `${parts[0]}${BEGIN}\n\n${block}\n\n${after.slice(end)}`;
}
