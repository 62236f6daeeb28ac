/** Looks again until it is so. The limit only ends what hangs. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function until(what: string, look: () => boolean, seconds = 30): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!look()) {
    if (performance.now() > end) throw new Error(`It never was so: ${what}`);
    await sleep(5);
  }
}
