/** Looks until it is so; the limit only ends what hangs. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  seconds = Number(process.env.WAIT ?? 60),
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > end) throw new Error(`It never was so: ${what}`);
    await sleep(20);
  }
}
