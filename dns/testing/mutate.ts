/**
 * For tests: mutants of DNS messages. Half of the changes know the format: counts, pointers, label lengths,
 * types and RDLENGTH are where a parser goes wrong.
 */
import { Buffer } from 'node:buffer';

export interface Mutator {
  int(below: number): number;
  pick<T>(list: readonly T[]): T;
  /** Up to so many random bytes. */
  bytes(most: number): Buffer;
  /** `others` give parts. */
  mutate(message: Buffer, others: readonly Buffer[]): Buffer;
}

/** Bytes that mean something somewhere. */
const TELLING = [0, 1, 4, 5, 12, 16, 41, 63, 64, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xfe, 0xff];

export function createMutator(seed: number): Mutator {
  let state = seed >>> 0;
  const int = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pick = <T>(list: readonly T[]): T => list[int(list.length)] as T;
  const bytes = (most: number): Buffer =>
    Buffer.from(Array.from({ length: int(most + 1) }, () => int(256)));

  /** One change; it gives the message that comes of it. */
  const changes: readonly ((message: Buffer, others: readonly Buffer[]) => Buffer)[] = [
    (message) => put(message, int(message.length), int(256)),
    (message) => put(message, int(message.length), pick(TELLING)),
    // A count of the header.
    (message) => put(message, 4 + int(8), pick([0, 0, 1, 2, 3, 0xff])),
    // A pointer, somewhere to somewhere in the message.
    (message) => {
      const at = int(message.length);
      return put(put(message, at, 0xc0 | (int(message.length) >> 8)), at + 1, int(message.length));
    },
    (message) => message.subarray(0, int(message.length + 1)),
    (message) => Buffer.concat([message, bytes(20)]),
    // A part once more, or a part of another message, in its middle.
    (message, others) => {
      const other = pick(others);
      const from = int(other.length);
      const part = other.subarray(from, from + int(40));
      const at = int(message.length + 1);
      return Buffer.concat([message.subarray(0, at), part, message.subarray(at)]);
    },
    (message) => {
      const at = int(message.length);
      return Buffer.concat([message.subarray(0, at), message.subarray(at + 1 + int(8))]);
    },
  ];
  return {
    int,
    pick,
    bytes,
    mutate(message, others) {
      let mutant = Buffer.from(message);
      for (let left = 1 + int(3); left > 0; left--)
        mutant = Buffer.from(pick(changes)(mutant, others));
      return mutant;
    },
  };
}

function put(message: Buffer, at: number, value: number): Buffer {
  if (at < message.length) message[at] = value & 0xff;
  return message;
}
