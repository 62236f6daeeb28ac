/** Attributes of netlink messages (linux/netlink.h): type and length, then a value or more attributes. */

export interface Nested {
  readonly type: number;
  readonly value: Buffer | readonly Nested[];
}

const NLA_F_NESTED = 0x8000;
const HEAD = 4;
const aligned = (size: number): number => (size + 3) & ~3;

export function text(type: number, value: string): Nested {
  return { type, value: Buffer.from(`${value}\0`) };
}

/** A whole number of 32 bits, signed or not; nf_tables has them in network order. */
export function number(type: number, value: number): Nested {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return { type, value: bytes };
}

export function nest(type: number, value: readonly Nested[]): Nested {
  return { type, value };
}

export function formatAttributes(attributes: readonly Nested[]): Buffer {
  return Buffer.concat(attributes.map(format));
}

function format({ type, value }: Nested): Buffer {
  const leaf = Buffer.isBuffer(value);
  const body = leaf ? value : formatAttributes(value as readonly Nested[]);
  const bytes = Buffer.alloc(aligned(HEAD + body.length));
  bytes.writeUInt16LE(HEAD + body.length, 0);
  bytes.writeUInt16LE(leaf ? type : type | NLA_F_NESTED, 2);
  body.copy(bytes, HEAD);
  return bytes;
}
