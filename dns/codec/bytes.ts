/**
 * Big-endian reads and writes on raw bytes. Callers check bounds first; that is why the results are
 * plain numbers. A DataView per message costs more than these do.
 */

export function u8(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

export function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Unsigned 32 bits. */
export function u32(bytes: Uint8Array, at: number): number {
  return ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0;
}

export function put16(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
  return at + 2;
}

export function put32(bytes: Uint8Array, at: number, value: number): number {
  put16(bytes, at, value >>> 16);
  return put16(bytes, at + 2, value & 0xffff);
}
