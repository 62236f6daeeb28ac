/** An attempt that is made again until it succeeds, or until its time is over. */
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 200;

/** `look` gives why it is not so yet, or undefined. The last reason where the time is over. */
export async function until(
  look: () => Promise<string | undefined>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const reason = await look();
    if (reason === undefined || performance.now() >= end) return reason;
    await sleep(PAUSE_MS, undefined, signal === undefined ? {} : { signal });
  }
}
