/** A batch as it came, made into one that sinks may have: whoever could send it could send anything. */
import { escapeText } from '#api/escape.ts';
import { type EgressEvent, egressEventSchema } from '#api/event.ts';
import type { Batch } from '#api/gen/intake.ts';
import type { EventBatch, NumberedEvent } from './sink.ts';

/** Rows of one batch, and bytes of one row. Those of agents are far below. */
const MOST_ROWS = 1024;
const LARGEST_ROW = 32 * 1024;

export interface Read {
  readonly batch: EventBatch;
  /** The number of its last row, be it an event or not. */
  readonly last: number;
  readonly refused: number;
  /** Why the first of those was. */
  readonly why: string;
}

/** A sentence, where the batch is none. */
export function readBatch({ node, instance, rows }: Batch): Read | string {
  if (!/^[\w-]{1,64}$/.test(instance)) return 'its instance is no word of at most 64 characters';
  if (rows.length === 0 || rows.length > MOST_ROWS) return `it has not 1 to ${MOST_ROWS} rows`;
  const events: NumberedEvent[] = [];
  const wrong: string[] = [];
  let last = 0;
  for (const row of rows) {
    const seq = Number(row.seq);
    if (!Number.isSafeInteger(seq) || seq <= last) return 'its rows are not in order';
    last = seq;
    const event = readEvent(row.event);
    if (typeof event === 'string') wrong.push(`row ${seq}: ${event}`);
    else events.push({ seq, event });
  }
  const batch = { node, source: `${node}/${instance}`, events };
  return { batch, last, refused: wrong.length, why: wrong[0] ?? '' };
}

function readEvent(bytes: Buffer): EgressEvent | string {
  if (bytes.length > LARGEST_ROW) return `it is larger than ${LARGEST_ROW} bytes`;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return 'it is no JSON';
  }
  const parsed = egressEventSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = escapeText(issue?.path.join('.') || 'it').slice(0, 60);
  return `${where}: ${issue?.message ?? 'it does not fit'}`;
}
