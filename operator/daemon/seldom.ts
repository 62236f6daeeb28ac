/** So that a log is not longer for what happens often. */

/** Keys that are remembered. */
const REMEMBERED = 1024;

/** True once in so many milliseconds for each key. @param now monotonic, ms */
export function seldom(everyMs: number, now = () => performance.now()): (key: string) => boolean {
  const told = new Map<string, number>();
  return (key) => {
    const at = told.get(key);
    if (at !== undefined && now() - at < everyMs) return false;
    if (told.size >= REMEMBERED) told.clear();
    told.set(key, now());
    return true;
  };
}
