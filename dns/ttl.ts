/**
 * How long things hold, in seconds unless a name says otherwise. All of it in one place, because the
 * numbers depend on each other: what a client may still use must still be in the kernel.
 */

/**
 * No answer lives shorter than this, whatever its owner says. Programs keep addresses longer than a TTL
 * of zero to five seconds, and a name that changes at every look-up (rebinding) gains nothing below it.
 */
export const TTL_FLOOR = 30;

/** No answer lives longer, so that an address that was given to someone else does not stay open. */
export const TTL_CAP = 3600;

/**
 * The kernel holds an address so much longer than the client's answer lives: a program that resolved
 * in the last second of an answer must still be able to connect, with retries and a slow start.
 */
export const KERNEL_GRACE = 60;

/** Negative answers: short, since a name that is missing now may be published by the job's own run. */
export const NEGATIVE_FLOOR = 5;
export const NEGATIVE_CAP = 300;

export function clampTtl(seconds: number): number {
  return Math.min(Math.max(seconds, TTL_FLOOR), TTL_CAP);
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its minimum field; without SOA the floor. */
export function negativeTtl(soa: { ttl: number; minimum: number } | null): number {
  if (soa === null) return NEGATIVE_FLOOR;
  return Math.min(Math.max(Math.min(soa.ttl, soa.minimum), NEGATIVE_FLOOR), NEGATIVE_CAP);
}
