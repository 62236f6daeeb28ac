/** What came of an attempt: held as it should be, not tried at all, or a hole. */
import assert from 'node:assert/strict';
import type { Held } from './ground.ts';
import { assertRow } from './rows.ts';
import type { Attempt } from './technique.ts';

/** What came of one attempt. */
export interface Result {
  readonly attempt: Attempt;
  /** What the probe said. */
  readonly free: string;
  readonly held: string;
  /** How often the witness saw it. */
  readonly seenFree: number;
  readonly seenHeld: number;
  readonly run: Pick<Held, 'events' | 'said'>;
}

/**
 * @returns why the attempt shows nothing on this host, or undefined when all is as its technique says
 * @throws AssertionError: it got through, left no row, or a limit is none any more
 */
export function judge({
  attempt,
  free,
  held,
  seenFree,
  seenHeld,
  run,
}: Result): string | undefined {
  const told = `free: ${free}, seen ${seenFree}; held: ${held}, seen ${seenHeld}\n${run.said}`;
  if ('record' in attempt) assert.equal(seenHeld, 0, `it got through: ${told}`);
  const isTried = attempt.free?.test(free) ?? true;
  if (!isTried || ('witness' in attempt && seenFree === 0)) {
    return `the control did not get through: ${free}`;
  }
  if ('held' in attempt) {
    assert.match(held, attempt.held, told);
    if (attempt.row !== undefined) assertRow(run.events, attempt.row, told);
  } else if ('refused' in attempt) {
    assert.match(held, attempt.refused, told);
  } else if ('through' in attempt) {
    assert.ok(seenHeld > 0, `the limit holds no more: ${told}`);
  } else if ('call' in attempt.record) assert.equal(held, attempt.record.call, told);
  else if ('answered' in attempt.record) assert.match(held, attempt.record.answered, told);
  else if (held !== attempt.record.earlier) {
    if (attempt.record.said !== undefined) assert.match(held, attempt.record.said, told);
    assertRow(run.events, attempt.record.row, told);
  }
  return undefined;
}
