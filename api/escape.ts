/**
 * Names, paths and arguments are bytes that an attacker chose. Whatever stands in a row passes here
 * first: printable ASCII stays, everything else becomes a visible escape, so that nothing can end a
 * line, forge a column, colour a terminal or reorder text.
 */

/** Shows bytes or text on one line; a backslash is escaped as well, so no two inputs look the same. */
export function escapeText(value: Uint8Array | string): string {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  let out = '';
  for (const byte of bytes) {
    out +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : `\\x${hex(byte)}`;
  }
  return out;
}

/** A C string in a fixed field: up to the first NUL. */
export function escapeField(field: Uint8Array): string {
  const end = field.indexOf(0);
  return escapeText(end < 0 ? field : field.subarray(0, end));
}

/** The same for text that may have passed here already: what is printable stays as it is. */
export function shownText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : escapeText(text);
}

/** A value within a line of `name=value`: a blank of its own would begin another one. */
export function valueText(text: string): string {
  return shownText(text).replaceAll(' ', '\\x20');
}

/** Printable text within a code span of Slack: no link, no mention, and no end of the span. */
export function slackText(text: string): string {
  return shownText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('`', '\\x60');
}

/** Text in HTML, between tags or in a quoted attribute. */
export function htmlText(text: string): string {
  return shownText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** For readers that make links of whatever looks like one: `evil[.]example`, as analysts write it. */
export function unlinkedText(text: string): string {
  return shownText(text).replaceAll('.', '[.]').replaceAll('://', '[:]//').replaceAll('@', '[at]');
}

/** JSON in ASCII alone: also a reader that shows it as it is shows nothing but letters. */
export function asciiJson(value: unknown): string {
  return asciiUnits(JSON.stringify(value));
}

/** The same for JSON that is text already. */
export function asciiUnits(json: string): string {
  return json.replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
