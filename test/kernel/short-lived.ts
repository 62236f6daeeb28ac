/** Addresses that expire while a test looks on, on a machine that may stand still for seconds. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from './world.ts';

/** A tick is 16 jiffies, at 100 a second; an expiry is rounded to whole ones, and so is the time of now. */
const ROUNDED_MS = 2 * 160;
const SECONDS = [1, 4, 16, 64];

/**
 * Learns addresses for a moment and does what has to be done before they expire. What fails when they have
 * expired meanwhile proves nothing, and is done again with more time.
 * @returns what was done, and a wait until they have expired
 */
export async function whileLearned<T>(
  world: World,
  { name, addresses }: { readonly name: string; readonly addresses: readonly string[] },
  act: () => Promise<T>,
): Promise<{ readonly done: T; expired(): Promise<void> }> {
  for (const seconds of SECONDS) {
    const before = performance.now();
    await world.holder.learn(name, seconds, addresses);
    const end = performance.now() + seconds * 1000 + ROUNDED_MS;
    try {
      const done = await act();
      return { done, expired: () => sleep(end - performance.now()) };
    } catch (error) {
      if (performance.now() < before + seconds * 1000 - ROUNDED_MS) throw error;
    }
  }
  throw new Error(`nothing gets done on this machine within ${SECONDS.at(-1)} s`);
}
