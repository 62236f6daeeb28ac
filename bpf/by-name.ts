/** A struct of another build, read by the names of its fields; where they stand, the kernel says. */
import type { Shape } from './native.ts';
import type { Fields, Struct, Values } from './struct.ts';

export class ByName {
  readonly #shape: Shape;
  readonly #from: Buffer;
  readonly #at: number;

  constructor(shape: Shape, from: Buffer, at = 0) {
    this.#shape = shape;
    this.#from = from;
    this.#at = at;
  }

  has(name: string): boolean {
    return this.#shape.fields?.[name] !== undefined;
  }

  /** Of up to 32 bits. */
  number(name: string): number {
    const { offset, size } = this.#field(name);
    return this.#from.readUIntLE(this.#at + offset, size);
  }

  /** Of 64 bits. */
  big(name: string): bigint {
    return this.#from.readBigUInt64LE(this.#at + this.#field(name).offset);
  }

  bytes(name: string): Buffer {
    const { offset, size, count } = this.#field(name);
    const from = this.#at + offset;
    return this.#from.subarray(from, from + size * count);
  }

  list(name: string): ByName[] {
    const field = this.#field(name);
    return Array.from(
      { length: field.count },
      (_, i) => new ByName(field, this.#from, this.#at + field.offset + i * field.size),
    );
  }

  #field(name: string) {
    const field = this.#shape.fields?.[name];
    if (field === undefined) throw new RangeError(`the maps before have no field ${name}`);
    return field;
  }
}

/** The same in this build's layout. Padding is left, and texts are cut where they have less room here. */
export function converted<F extends Fields>(struct: Struct<F>, from: ByName): Buffer {
  return struct.write(valuesOf(struct, from) as Partial<Values<F>>);
}

function valuesOf({ fields }: Struct<Fields>, from: ByName): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    if (name.startsWith('_')) continue;
    if (field === 'u64') values[name] = from.big(name);
    else if (typeof field === 'string') values[name] = from.number(name);
    else if ('bytes' in field) values[name] = from.bytes(name);
    else values[name] = from.list(name).map((one) => valuesOf(field.list, one));
  }
  return values;
}
