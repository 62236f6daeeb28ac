/**
 * The addresses that one target learned from DNS: which names gave each, and until when. This is the
 * kernel's table as user space knows it, with its bounds; it decides what an element holds.
 */
import { failure } from '#api/error.ts';
import { MAX_NAMES } from '#bpf/layout.ts';
import type { LearnedName } from '#bpf/records.ts';
import { errors } from '../errors.ts';

export interface LearnedStore {
  setLearned(target: number, addr: number, slots: LearnedName[]): void;
  deleteLearned(target: number, addr: number): void;
}

export class LearnedAddresses {
  readonly #store: LearnedStore;
  readonly #target: number;
  readonly #limit: number;
  readonly #addresses = new Map<number, LearnedName[]>();

  /** @param limit addresses that the target may hold at once, so that none fills the shared map. */
  constructor(store: LearnedStore, target: number, limit: number) {
    this.#store = store;
    this.#target = target;
    this.#limit = limit;
  }

  get size(): number {
    return this.#addresses.size;
  }

  /**
   * Records that `name` has this address until `expires` (tick); a later expiry wins. An address that
   * seven names share already forgets the one that would expire first.
   * @throws TW_AGENT_ADDRESSES when the target is full of addresses that are still good
   */
  learn(addr: number, name: number, expires: number, now: number): void {
    const slots = this.#addresses.get(addr)?.map((slot) => ({ ...slot })) ?? [];
    const same = slots.find((slot) => slot.name === name);
    if (same) {
      if (same.expires >= expires) return;
      same.expires = expires;
    } else if (slots.length < MAX_NAMES) {
      slots.push({ name, expires });
    } else {
      const oldest = slots.reduce((a, b) => (a.expires <= b.expires ? a : b));
      Object.assign(oldest, { name, expires });
    }
    if (!this.#addresses.has(addr)) this.#makeRoom(now);
    this.#store.setLearned(this.#target, addr, slots);
    this.#addresses.set(addr, slots);
  }

  /** Addresses that stand in the kernel already. */
  restore(addresses: ReadonlyMap<number, readonly LearnedName[]>): void {
    for (const [addr, slots] of addresses) this.#addresses.set(addr, [...slots]);
  }

  /** Addresses that stood in maps before these. */
  carry(addresses: ReadonlyMap<number, readonly LearnedName[]>): void {
    for (const [addr, slots] of addresses) {
      this.#store.setLearned(this.#target, addr, [...slots]);
      this.#addresses.set(addr, [...slots]);
    }
  }

  /** Forgets everything, in the kernel as well. */
  clear(): void {
    for (const addr of this.#addresses.keys()) this.#store.deleteLearned(this.#target, addr);
    this.#addresses.clear();
  }

  #makeRoom(now: number): void {
    if (this.#addresses.size < this.#limit) return;
    for (const [addr, slots] of this.#addresses) {
      if (slots.some((slot) => slot.expires > now)) continue;
      this.#store.deleteLearned(this.#target, addr);
      this.#addresses.delete(addr);
    }
    if (this.#addresses.size >= this.#limit) {
      throw failure(errors.tooManyAddresses, { limit: this.#limit });
    }
  }
}
