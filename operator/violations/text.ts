/** Texts of rows as an object may hold them: printable, and of bounded length. */
import { escapeText } from '#api/escape.ts';

const MORE = '...';

/** Rows come escaped; whoever sent them may not have done so. */
export function printable(text: string): string {
  return text.replaceAll(/[^ -~]+/gu, escapeText);
}

export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - MORE.length)}${MORE}`;
}

/** A field, or nothing where there is no text. */
export function field<Name extends string>(
  name: Name,
  text: string | null,
  most: number,
): { readonly [K in Name]?: string } {
  const given = text === null ? {} : { [name]: cut(printable(text), most) };
  return given as { readonly [K in Name]?: string };
}
