/**
 * The mark by which a probe knows that it is inside a lab. Both ends of the lab's only link bear this
 * name, so a network namespace that has it has nowhere else to send to. A pod of the test cluster
 * (../cluster) stands one hop behind that link; it has a route to the link's address instead.
 */
import { readFileSync } from 'node:fs';
import { failure } from '#api/error.ts';
import { link } from './addresses.ts';
import { errors } from './errors.ts';

export const MARK = 'twlab-mark';

/**
 * `/proc/self/net` shows the reader's own network namespace, whatever /sys shows. Addresses are in hex
 * there, in the byte order of the machine: little-endian on all that Torwacht runs on.
 */
export function insideLab(): boolean {
  const own = (file: string): string[] =>
    readFileSync(`/proc/self/net/${file}`, 'utf8').split('\n');
  if (own('dev').some((line) => line.trim().startsWith(`${MARK}:`))) return true;
  const bytes = link.host.v4.split('.').map(Number).reverse();
  const address = Buffer.from(bytes).toString('hex').toUpperCase();
  return own('route').some((line) => {
    const [, destination, , , , , , mask] = line.split('\t');
    return destination === address && mask === 'FFFFFFFF';
  });
}

/** Call this before anything is sent. @throws TW_LAB_OUTSIDE */
export function assertInsideLab(): void {
  if (!insideLab()) throw failure(errors.outside, { link: MARK });
}
