/**
 * Refused lookups of targets with their counts, in a map that outlives the agent: the kernel counts packets, and a
 * name that is refused never becomes one. User space alone writes and reads it; agent/evidence/refused-lookups.ts says
 * what it means.
 */
import * as layout from './layout.ts';
import { type EngineHandle, native } from './native.ts';
import { type KeptLookup, slices } from './records.ts';

const MAP = 'lookups';
/** DNS, in the keys under which it is written down how much of a lookup was told. */
const PORT = 53;

export interface NumberedLookup {
  readonly number: number;
  readonly lookup: KeptLookup;
}

export class LookupTable {
  readonly #engine: EngineHandle;

  constructor(engine: EngineHandle) {
    this.#engine = engine;
  }

  /** @throws an errno: E2BIG where there is no room */
  write(target: number, number: number, lookup: KeptLookup): void {
    native().mapUpdate(this.#engine, MAP, keyOf(target, number), bytesOf(lookup), 0);
  }

  delete(target: number, number: number): void {
    native().mapDelete(this.#engine, MAP, keyOf(target, number));
  }

  /** Numbers of a target's lookups, once each. */
  numbers(target: number): readonly number[] {
    const keys = slices(native().mapKeys(this.#engine, MAP), layout.lookupKey.size);
    const own = keys
      .map((key) => layout.lookupKey.read(key))
      .filter((key) => key.target === target);
    return [...new Set(own.map(({ number }) => number))];
  }

  /** All of a target's. */
  of(target: number): readonly NumberedLookup[] {
    return this.numbers(target).flatMap((number) => {
      const value = Buffer.alloc(layout.lookup.size);
      const found = native().mapLookup(this.#engine, MAP, keyOf(target, number), value);
      return found ? [{ number, lookup: lookupOf(value) }] : [];
    });
  }
}

/** Under which it is written down how much of a lookup was told: the kernel gives no row this hook and no reason. */
export function toldLookupKey(target: number, number: number): Buffer {
  const hook = layout.hooks.indexOf('any');
  return layout.rowKey.write({ target, hook, port: PORT, name: number });
}

/** Types of one lookup are one attempt, so the most counts. */
export function timesOf({ types }: Pick<KeptLookup, 'types'>): number {
  return Math.max(0, ...types.map(({ count }) => count));
}

function keyOf(target: number, number: number): Buffer {
  return layout.lookupKey.write({ target, number });
}

function bytesOf(lookup: KeptLookup): Buffer {
  const { first, last, types, name, address, passed, ...rest } = lookup;
  const most = types.toSorted((a, b) => b.count - a.count).slice(0, layout.LOOKUP_TYPES);
  const text = Buffer.from(name, 'latin1');
  return layout.lookup.write({
    ...rest,
    first: BigInt(first),
    last: BigInt(last),
    type: most.map(({ type, count }) => ({ type, count: BigInt(count), _pad: 0 })),
    addr: address ?? 0,
    has_addr: address === null ? 0 : 1,
    passed: passed ? 1 : 0,
    length: text.length,
    name: text,
  });
}

function lookupOf(value: Buffer): KeptLookup {
  const { first, last, type, addr, has_addr, passed, length, name, ...rest } =
    layout.lookup.read(value);
  const { pid, start, table, rule, reason } = rest;
  return {
    ...{ pid, start, table, rule, reason },
    first: Number(first),
    last: Number(last),
    types: type
      .filter(({ count }) => count > 0n)
      .map((one) => ({ type: one.type, count: Number(one.count) })),
    name: name.toString('latin1', 0, length),
    address: has_addr === 0 ? null : addr,
    passed: passed !== 0,
  };
}
