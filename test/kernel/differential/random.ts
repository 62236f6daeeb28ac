/** Repeatable randomness: the same seed asks the same questions. */

export interface Random {
  /** 0 to `below` - 1. */
  int(below: number): number;
  u32(): number;
  /** True in one of `times` cases. */
  oneIn(times: number): boolean;
  pick<T>(list: readonly T[]): T;
  list<T>(count: number, make: (index: number) => T): T[];
}

/** Mulberry32: 32 bits of state are plenty for a test, and it is six lines long. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const int = (below: number): number => Math.floor((u32() / 2 ** 32) * below);
  return {
    int,
    u32,
    oneIn: (times) => int(times) === 0,
    pick: (list) => list[int(list.length)] as (typeof list)[number],
    list: (count, make) => Array.from({ length: count }, (_, index) => make(index)),
  };
}
