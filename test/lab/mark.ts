/**
 * The mark by which a probe knows that it is inside a lab. Both ends of the lab's only link bear this
 * name, so a network namespace that has it has nowhere else to send to.
 */
import { readFileSync } from 'node:fs';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

export const MARK = 'twlab-mark';

/** `/proc/self/net/dev` shows the links of the reader's own network namespace, whatever /sys shows. */
export function insideLab(): boolean {
  return readFileSync('/proc/self/net/dev', 'utf8')
    .split('\n')
    .some((line) => line.trim().startsWith(`${MARK}:`));
}

/** Call this before anything is sent. @throws TW_LAB_OUTSIDE */
export function assertInsideLab(): void {
  if (!insideLab()) throw failure(errors.outside, { link: MARK });
}
