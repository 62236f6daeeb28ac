/** How figures are printed: one aligned row each, with the verdict first. */
import type { Figure } from './figure.ts';

const header = ['', 'figure', 'value', 'spread', 'baseline', 'ratio', 'target'];
/** Columns of numbers stand to the right. */
const numeric = new Set([2, 3, 4, 5]);

export function table(figures: readonly Figure[]): string {
  const rows = [header, ...figures.map(row)];
  const widths = header.map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return numeric.has(column) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function row(figure: Figure): string[] {
  const verdict = figure.target === null ? '' : figure.holds ? 'holds' : 'FAILS';
  return [
    verdict,
    figure.name,
    quantity(figure.value, figure.unit),
    figure.spread === null ? '–' : `±${number(figure.spread)}`,
    figure.baseline === null ? '–' : quantity(figure.baseline, figure.unit),
    figure.ratio === null ? '–' : `${number(figure.ratio)}×`,
    figure.target ?? '–',
  ];
}

export function quantity(value: number, unit: string): string {
  return `${number(value)} ${unit}`;
}

/** Three significant digits, whole numbers from 100 on, and never an exponent. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toLocaleString('en', { maximumSignificantDigits: 3, useGrouping: false });
}
