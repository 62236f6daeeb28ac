/**
 * C structs in Buffers: fields in order, each aligned to its own size as on every 64-bit Linux,
 * little-endian (x86-64, arm64).
 *
 * @example
 * const point = struct({ x: 'u32', y: 'u64' });   // y at offset 8, size 16
 * point.write({ x: 1, y: 2n });
 */

type Scalar = 'u8' | 'u16' | 'u32' | 'u64';
export type Field =
  | Scalar
  | { readonly bytes: number }
  | { readonly list: Struct<Fields>; readonly of: number };
export type Fields = Readonly<Record<string, Field>>;

type ValueOf<F> = F extends 'u64'
  ? bigint
  : F extends Scalar
    ? number
    : F extends { bytes: number }
      ? Buffer
      : F extends { list: Struct<infer G>; of: number }
        ? Values<G>[]
        : never;
export type Values<F> = { -readonly [K in keyof F]: ValueOf<F[K]> };

export interface Struct<F extends Fields> {
  readonly fields: F;
  readonly size: number;
  readonly align: number;
  readonly offsets: Readonly<Record<string, number>>;
  /** A new Buffer; fields that are not given are zero. */
  write(values: Partial<Values<F>>): Buffer;
  /** Writes the given fields into a Buffer and leaves the others as they are. */
  writeInto(into: Buffer, offset: number, values: Partial<Values<F>>): void;
  read(from: Buffer, offset?: number): Values<F>;
}

const sizes = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

function measure(field: Field): { size: number; align: number } {
  if (typeof field === 'string') return { size: sizes[field], align: sizes[field] };
  if ('bytes' in field) return { size: field.bytes, align: 1 };
  return { size: field.list.size * field.of, align: field.list.align };
}

function readField(field: Field, from: Buffer, at: number): unknown {
  if (field === 'u64') return from.readBigUInt64LE(at);
  if (typeof field === 'string') return from.readUIntLE(at, sizes[field]);
  if ('bytes' in field) return from.subarray(at, at + field.bytes);
  return Array.from({ length: field.of }, (_, i) =>
    field.list.read(from, at + i * field.list.size),
  );
}

function writeField(field: Field, into: Buffer, at: number, value: unknown): void {
  if (field === 'u64') into.writeBigUInt64LE(value as bigint, at);
  else if (field === 'u32') into.writeUInt32LE(value as number, at);
  else if (typeof field === 'string') into.writeUIntLE(value as number, at, sizes[field]);
  else if ('bytes' in field) (value as Buffer).copy(into, at, 0, field.bytes);
  else {
    const items = value as Values<Fields>[];
    const count = Math.min(items.length, field.of);
    for (let i = 0; i < count; i++) {
      field.list.writeInto(into, at + i * field.list.size, items[i] as Values<Fields>);
    }
  }
}

const roundUp = (value: number, to: number) => Math.ceil(value / to) * to;

export function struct<const F extends Fields>(fields: F): Struct<F> {
  const offsets: Record<string, number> = {};
  let end = 0;
  let align = 1;
  for (const [name, field] of Object.entries(fields)) {
    const m = measure(field);
    offsets[name] = roundUp(end, m.align);
    end = (offsets[name] as number) + m.size;
    align = Math.max(align, m.align);
  }
  const size = roundUp(end, align);
  const entries = Object.entries(fields).map(([name, field]) => ({
    name,
    field,
    at: offsets[name] as number,
  }));
  return {
    fields,
    size,
    align,
    offsets,
    write(values) {
      const into = Buffer.alloc(size);
      this.writeInto(into, 0, values);
      return into;
    },
    writeInto(into, offset, values) {
      for (const { name, field, at } of entries) {
        const value = (values as Record<string, unknown>)[name];
        if (value !== undefined) writeField(field, into, offset + at, value);
      }
    },
    read(from, offset = 0) {
      const out: Record<string, unknown> = {};
      for (const { name, field, at } of entries) out[name] = readField(field, from, offset + at);
      return out as Values<F>;
    },
  };
}

/** One number, as a map's key or value. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
