/**
 * For tests and benches: messages that cost the most for their bytes. Each shape is the extreme of one
 * thing that decoding, the chain or the reply does; which of them is the worst is measured
 * (bench/hostile-dns.bench.ts).
 */
import { Buffer } from 'node:buffer';
import { MAX_CHAIN } from '../answer.ts';
import { MAX_HOPS, MAX_RECORDS } from '../codec/constants.ts';
import { decodeMessage } from '../codec/message.ts';
import { skipName } from '../codec/name.ts';
import { u16be, wireName, wireOpt, wireQuery } from './wire.ts';

export interface Hostile {
  readonly what: string;
  readonly bytes: Buffer;
}

/** A label of bytes that have to be escaped: each becomes four characters. */
const odd = (length: number) => Buffer.alloc(length, 0xff);
const plain = (length: number) => Buffer.alloc(length, 0x61);
/** 255 bytes on the wire, in few labels or in many. */
const longName = (label: (length: number) => Buffer) =>
  wireName(label(63), label(63), label(63), label(61));
const deepName = (label: (length: number) => Buffer) =>
  wireName(...Array.from({ length: 127 }, () => label(1)));

/** Queries: one name is all that they can hold. */
export function hostileQueries(): Hostile[] {
  const names: readonly [string, Buffer][] = [
    ['a long name of odd bytes', longName(odd)],
    ['a deep name of odd bytes', deepName(odd)],
    ['a long name', longName(plain)],
    ['a deep name', deepName(plain)],
  ];
  return names.flatMap(([what, name]) => [
    { what, bytes: wireQuery({ name }) },
    { what: `${what} behind 64 KB of options`, bytes: withOptions(name) },
  ]);
}

function withOptions(name: Buffer): Buffer {
  const rest = 0xffff - wireQuery({ name, opt: wireOpt(4096) }).length;
  return wireQuery({ name, opt: wireOpt(4096, 0, Buffer.alloc(rest)) });
}

const record = (owner: Buffer, type: number, data: Buffer) =>
  Buffer.concat([owner, u16be(type, 1, 0, 300, data.length), data]);
const pointer = (at: number) => u16be(0xc000 | at);
const address = (index: number) => Buffer.from([198, 51, index >> 8, index & 0xff]);
const ROOT = Buffer.alloc(1);
const CNAME = 5;
/** Of a type whose data is not read: names stand in it for pointers from elsewhere. */
const NULL = 10;
const TO_QUESTION = pointer(12);

interface Shape {
  readonly what: string;
  /** Names that stand once, before the records. */
  readonly names?: readonly Buffer[];
  /** The record of this index; `at` are offsets of the names. */
  readonly record: (at: readonly number[], index: number) => Buffer;
}

/** Names of 255 bytes that differ in the last byte alone, so that only comparing all of it tells. */
const alike = (made: () => Buffer) =>
  Array.from({ length: MAX_CHAIN + 2 }, (_, i) => {
    const name = made();
    name.writeUInt8(0x61 + i, name.length - 2);
    return name;
  });
/** The last records are a chain as long as is followed, from the question on. */
const FIRST_LINK = MAX_RECORDS - 2 - MAX_CHAIN;
const chained =
  (before: (at: readonly number[]) => Buffer) =>
  (at: readonly number[], index: number): Buffer => {
    const link = index - FIRST_LINK;
    if (link < 0) return before(at);
    const owner = link === 0 ? TO_QUESTION : pointer(at[link] as number);
    return link === MAX_CHAIN
      ? record(owner, 1, address(1))
      : record(owner, CNAME, pointer(at[link + 1] as number));
  };
const strangers = chained((at) => record(pointer(at[0] as number), CNAME, ROOT));
/** Two owners in turn: what is read once only for the same one twice is read each time. */
const inTurn = (at: readonly number[], index: number) =>
  pointer((at[0] as number) + 2 * (index % 2));

const shapes: readonly Shape[] = [
  {
    what: 'as many addresses as there may be records',
    record: (_at, index) => record(TO_QUESTION, 1, address(index)),
  },
  {
    what: 'aliases of long odd names',
    names: [longName(odd)],
    record: (at) => record(TO_QUESTION, CNAME, pointer(at[0] as number)),
  },
  {
    what: 'aliases of deep odd names',
    names: [deepName(odd)],
    record: (at) => record(TO_QUESTION, CNAME, pointer(at[0] as number)),
  },
  {
    what: 'deep odd owners in turn',
    names: [deepName(odd)],
    record: (at, index) => record(inTurn(at, index), 1, address(index)),
  },
  {
    what: 'chains of pointers',
    names: [longName(odd), ...Array.from({ length: MAX_HOPS - 1 }, () => Buffer.alloc(0))],
    record: (at) => record(TO_QUESTION, CNAME, pointer(at.at(-1) as number)),
  },
  {
    what: 'a chain of odd names behind strangers that are hard to tell from them',
    names: alike(() => longName(odd)),
    record: strangers,
  },
  {
    what: 'a chain of plain names behind strangers that are hard to tell from them',
    names: alike(() => longName(plain)),
    record: strangers,
  },
  {
    what: 'a chain of deep plain names, each of which is judged',
    names: alike(() => deepName(plain)),
    record: strangers,
  },
  {
    what: 'a chain of plain names behind as many addresses as there may be',
    names: alike(() => longName(plain)),
    record: chained((at) => record(pointer(at[MAX_CHAIN] as number), 1, address(7))),
  },
];

/**
 * Answers to a query of ours, each of as many records as are read, and each again with so many that the
 * names in them are just within what is read.
 */
export function hostileAnswers(query: Uint8Array): Hostile[] {
  return shapes.flatMap((shape) => {
    const whole = answer(query, shape, MAX_RECORDS);
    if (typeof decodeMessage(whole) === 'object') return [{ what: shape.what, bytes: whole }];
    let most = MAX_RECORDS;
    while (decodeMessage(answer(query, shape, most)) === 'work') most -= 1;
    return [
      { what: `${shape.what}, beyond what is read`, bytes: whole },
      { what: `${shape.what}, as many as are read`, bytes: answer(query, shape, most) },
    ];
  });
}

function answer(query: Uint8Array, { names = [], record: make }: Shape, count: number): Buffer {
  const question = query.subarray(12, skipName(query, 12) + 4);
  const start = 12 + question.length + 11;
  const offsets: number[] = [];
  let holder = Buffer.alloc(0);
  for (const name of names) {
    const before = offsets.at(-1);
    offsets.push(start + holder.length);
    // An empty one is a pointer to the name before it.
    const bytes = name.length > 0 || before === undefined ? name : pointer(before);
    holder = Buffer.concat([holder, bytes]);
  }
  return Buffer.concat([
    query.subarray(0, 2),
    u16be(0x8180, 1, count, 0, 0),
    question,
    record(ROOT, NULL, holder),
    ...Array.from({ length: count - 1 }, (_, index) => make(offsets, index)),
  ]);
}
