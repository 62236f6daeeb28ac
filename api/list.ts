/** Lists of which the API server knows what makes two entries the same, so that several can write them. */
import * as z from 'zod';

/** One entry for each value of `keys`; the API server merges such lists by them. */
export function mapList<Entry extends z.ZodObject>(entry: Entry, keys: readonly string[]) {
  const meta = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [...keys] };
  return keyed(entry, keys).meta(meta);
}

/**
 * One entry for each value of `keys`, all written by one writer: the API server remembers who owns the list, and
 * not who owns each field of each entry. Of a long one that is more than half of what a write costs it.
 */
export function wholeList<Entry extends z.ZodObject>(entry: Entry, keys: readonly string[]) {
  return keyed(entry, keys).meta({ 'x-kubernetes-list-type': 'atomic' });
}

function keyed<Entry extends z.ZodObject>(entry: Entry, keys: readonly string[]) {
  const keyOf = (value: unknown): string =>
    JSON.stringify(keys.map((key) => (value as Readonly<Record<string, unknown>>)[key]));
  return z.array(entry).refine((entries) => new Set(entries.map(keyOf)).size === entries.length, {
    error: `must not hold two entries with the same ${keys.join(' and ')}`,
    params: { hint: 'Keep one of them.' },
  });
}

/** No value twice. */
export function setList<Entry extends z.ZodString>(entry: Entry) {
  return z
    .array(entry)
    .refine((entries) => new Set(entries).size === entries.length, {
      error: 'must not hold the same value twice',
      params: { hint: 'Keep one of them.' },
    })
    .meta({ 'x-kubernetes-list-type': 'set' });
}
