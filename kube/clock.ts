/** Time and chance, passed in so that tests can own them. */
export interface Clock {
  /** Milliseconds that never go back; may stand still while the machine sleeps. */
  monotonic(): number;
  /** Milliseconds since 1970; may jump both ways. */
  wall(): number;
  /** Calls once after so many milliseconds; what it gives cancels. */
  after(ms: number, call: () => void): () => void;
  /** At least 0, below 1. */
  random(): number;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** Ends early, without an error, when the signal is aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done);
  });
}
