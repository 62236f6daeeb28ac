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

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
