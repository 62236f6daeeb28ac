/**
 * The table of learned addresses: a hash with open addressing in a BPF array, which the packet hook
 * reads without a call. Only user space writes it, one element at a time; an element that goes is
 * emptied before its place is given to another, so a reader between the two finds no name.
 */
import { randomBytes } from 'node:crypto';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import { hashing, learned, learnedMarks, PROBES } from './layout.ts';
import type { Values } from './struct.ts';

type LearnedName = Values<{ name: 'u32'; expires: 'u32' }>;

/** 2^64 / golden ratio, as in bpf/verdict.h. */
const MULTIPLIER = 0x9e3779b97f4a7c15n;

export interface LearnedMaps {
  /** Writes one element of the array. */
  write(index: number, value: Buffer): void;
  /** Tells the programs how to find an element. */
  setHashing(value: Buffer): void;
}

export class LearnedTable {
  readonly #maps: LearnedMaps;
  readonly #keys: BigUint64Array;
  readonly #mask: number;
  readonly #seed: bigint;

  /**
   * `entries` of the array, a power of two. `keys`: what stands in it already, under this seed.
   */
  constructor(
    maps: LearnedMaps,
    entries: number,
    seed = randomBytes(8).readBigUInt64LE(),
    keys = new BigUint64Array(entries),
  ) {
    if (entries < PROBES || (entries & (entries - 1)) !== 0) {
      throw new RangeError(`${entries} is no power of two of at least ${PROBES}`);
    }
    this.#maps = maps;
    this.#keys = keys;
    this.#mask = entries - 1;
    this.#seed = seed;
    maps.setHashing(hashing.write({ seed, mask: this.#mask }));
  }

  /** @throws TW_BPF_LEARNED_FULL when every place where the address could stand is taken */
  set(target: number, addr: number, slot: LearnedName[]): void {
    const key = keyOf(target, addr);
    const index = this.#find(key) ?? this.#room(key);
    if (index === undefined) throw failure(errors.learnedFull);
    this.#maps.write(index, learned.write({ key, slot }));
    this.#keys[index] = key;
  }

  delete(target: number, addr: number): void {
    const index = this.#find(keyOf(target, addr));
    if (index === undefined) return;
    this.#maps.write(index, learned.write({ key: learnedMarks.gone }));
    this.#keys[index] = learnedMarks.gone;
  }

  #find(key: bigint): number | undefined {
    const first = this.#first(key);
    for (let i = 0; i < PROBES; i++) {
      const index = (first + i) & this.#mask;
      const there = this.#keys[index];
      if (there === key) return index;
      if (there === learnedMarks.free) return undefined;
    }
    return undefined;
  }

  #room(key: bigint): number | undefined {
    const first = this.#first(key);
    for (let i = 0; i < PROBES; i++) {
      const index = (first + i) & this.#mask;
      const there = this.#keys[index];
      if (there === learnedMarks.free || there === learnedMarks.gone) return index;
    }
    return undefined;
  }

  #first(key: bigint): number {
    return Number(BigInt.asUintN(64, (key ^ this.#seed) * MULTIPLIER) >> 32n);
  }
}

function keyOf(target: number, addr: number): bigint {
  return (BigInt(target) << 32n) | BigInt(addr);
}
