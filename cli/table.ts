/** Text in columns that are two blanks apart. No cell may hold two blanks of its own. */

/** Rows below their heads; `head` styles the first line. No rows, no text. */
export function textTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  head: (line: string) => string,
): string {
  if (rows.length === 0) return '';
  // Once for all rows: there may be thousands of them.
  const widths = heads.map((name, at) =>
    rows.reduce((width, row) => Math.max(width, row[at]?.length ?? 0), name.length),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[head(line(heads)), ...rows.map(line)].join('\n')}\n`;
}
