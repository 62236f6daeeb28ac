/** How long a receiver that could not take rows is left alone. */

/** ms. */
const FIRST = 500;
const LONGEST = 60_000;
/** A receiver may ask for more patience than we would have, but not for any. */
const LONGEST_ASKED = 300_000;

/** ms after so many failures (from 1), never less than `asked`. `random`: from 0 to 1, so that agents do not come together. */
export function backOff(failures: number, asked: number | undefined, random: () => number): number {
  const longest = Math.min(LONGEST, FIRST * 2 ** (failures - 1));
  const own = longest / 2 + (random() * longest) / 2;
  return Math.max(own, Math.min(asked ?? 0, LONGEST_ASKED));
}

/** The header Retry-After (RFC 9110, 10.2.3) in ms: seconds, or a date. `now`: wall time, ms. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = header.endsWith(' GMT') ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
