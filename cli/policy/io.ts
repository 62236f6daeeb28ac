/** What a command of this folder writes to; the caller decides about the terminal. */

export interface Output {
  write(text: string): unknown;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Is standard output a terminal that wants colour? */
  readonly colour: boolean;
}

const styles = { bold: 1, dim: 2, red: 31, green: 32 } as const;

export function styled(io: Io, style: keyof typeof styles, text: string): string {
  return io.colour ? `\x1b[${styles[style]}m${text}\x1b[0m` : text;
}

/** A path as it may be shown: what could move the cursor or forge a line is escaped. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (unit) => `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** @example plural(2, 'file') === '2 files' */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
