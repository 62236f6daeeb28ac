/** Waits for the end of all, also where one fails: nothing goes on behind the back of whoever undoes it. */
export async function allDone(work: readonly Promise<unknown>[]): Promise<void> {
  for (const one of await Promise.allSettled(work)) if (one.status === 'rejected') throw one.reason;
}
