/** For tests: messages put together byte by byte, so that wrong ones can be made as easily as right ones. */
import { Buffer } from 'node:buffer';

/** A name from raw labels; text labels are latin1. */
export function wireName(...labels: readonly (string | Uint8Array)[]): Buffer {
  const parts = labels.map((label) => {
    const bytes = typeof label === 'string' ? Buffer.from(label, 'latin1') : Buffer.from(label);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  return Buffer.concat([...parts, Buffer.from([0])]);
}

/** `a.b.c` as a name; every dot ends a label. */
export function dotted(name: string): Buffer {
  return name === '' || name === '.' ? wireName() : wireName(...name.split('.'));
}

export function u16be(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, i * 2);
  return bytes;
}

export interface QueryShape {
  readonly id?: number;
  readonly flags?: number;
  readonly name?: string | Uint8Array;
  readonly type?: number;
  readonly class?: number;
  /** Question, answer, authority, additional count; by default what is there. */
  readonly counts?: readonly [number, number, number, number];
  readonly opt?: Uint8Array | null;
  readonly tail?: Uint8Array;
}

/** A query for `www.example.test` A, unless told otherwise. */
export function wireQuery(shape: QueryShape = {}): Buffer {
  const name = shape.name ?? 'www.example.test';
  const opt = shape.opt ?? null;
  return Buffer.concat([
    u16be(shape.id ?? 0x1234, shape.flags ?? 0x0100),
    u16be(...(shape.counts ?? [1, 0, 0, opt === null ? 0 : 1])),
    typeof name === 'string' ? dotted(name) : name,
    u16be(shape.type ?? 1, shape.class ?? 1),
    opt ?? Buffer.alloc(0),
    shape.tail ?? Buffer.alloc(0),
  ]);
}

export function wireOpt(size: number, version = 0, options: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([
    Buffer.from([0]),
    u16be(41, size),
    Buffer.from([0, version, 0, 0]),
    u16be(options.length),
    options,
  ]);
}

export interface RecordShape {
  readonly name: string | Uint8Array;
  readonly type: number;
  readonly ttl?: number;
  readonly class?: number;
  readonly data: Uint8Array;
}

export function wireRecord({ name, type, ttl, class: klass, data }: RecordShape): Buffer {
  const time = Buffer.alloc(4);
  time.writeUInt32BE(ttl ?? 300);
  return Buffer.concat([
    typeof name === 'string' ? dotted(name) : name,
    u16be(type, klass ?? 1),
    time,
    u16be(data.length),
    data,
  ]);
}

export const a = (name: string, address: string, ttl = 300): RecordShape => ({
  name,
  type: 1,
  ttl,
  data: Buffer.from(address.split('.').map(Number)),
});

export const cname = (name: string, target: string | Uint8Array, ttl = 300): RecordShape => ({
  name,
  type: 5,
  ttl,
  data: typeof target === 'string' ? dotted(target) : target,
});

export const soa = (name: string, ttl: number, minimum: number): RecordShape => {
  const numbers = Buffer.alloc(20);
  numbers.writeUInt32BE(minimum, 16);
  return { name, type: 6, ttl, data: Buffer.concat([wireName('ns'), wireName('root'), numbers]) };
};

export interface AnswerShape {
  readonly rcode?: number;
  readonly flags?: number;
  readonly answers?: readonly RecordShape[];
  readonly authority?: readonly RecordShape[];
}

/** Answers an upstream query: its header and question, then the records. */
export function wireAnswer(query: Uint8Array, shape: AnswerShape): Buffer {
  const answers = shape.answers ?? [];
  const authority = shape.authority ?? [];
  let end = 12;
  while (query[end] !== 0) end += (query[end] as number) + 1;
  return Buffer.concat([
    query.subarray(0, 2),
    u16be((shape.flags ?? 0x8180) | (shape.rcode ?? 0), 1, answers.length, authority.length, 0),
    query.subarray(12, end + 5),
    ...answers.map(wireRecord),
    ...authority.map(wireRecord),
  ]);
}
