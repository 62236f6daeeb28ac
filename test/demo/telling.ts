/** How the demo speaks: short lines, colour only on a terminal. */
const colour = process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';

const codes = { bold: 1, red: 31, green: 32, dim: 2 } as const;

export function paint(style: keyof typeof codes, text: string): string {
  return colour ? `\x1b[${codes[style]}m${text}\x1b[0m` : text;
}

export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

export function heading(text: string): void {
  say();
  say(paint('bold', text));
}

/** Passes on what a program prints, line by line, marked as not our own words. */
export function quote(line: string): void {
  say(`${paint('dim', '  |')} ${line}`);
}

export interface Check {
  readonly what: string;
  readonly holds: boolean;
}

/** Prints every check and says whether all hold. */
export function verify(checks: readonly Check[]): boolean {
  for (const { what, holds } of checks) {
    say(holds ? `  ${paint('green', 'ok')}      ${what}` : `  ${paint('red', 'FAILED')}  ${what}`);
  }
  return checks.every(({ holds }) => holds);
}
