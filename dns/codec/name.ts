/**
 * Names on the wire (RFC 1035 §3.1, §4.1.4), read label by label on raw bytes.
 *
 * A name becomes one text that tells every name from every other: ASCII letters lower-cased, labels
 * joined by dots, and any byte outside [a-z0-9_-] escaped (`\.` and `\\`, else `\DDD`, RFC 1035 §5.1).
 * A dot byte inside a label thus stays apart from the dot between two labels, and nothing that reaches
 * a log through this text is a control byte.
 */
import { Buffer } from 'node:buffer';
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';
import { u8, u16 } from './bytes.ts';
import { HEADER, MAX_HOPS, MAX_LABEL, MAX_NAME, MAX_NAME_BYTES } from './constants.ts';

/** What was wrong with a message. A value, not an Error: malformed input must be cheap. */
export type Malformed =
  | 'short'
  | 'label'
  | 'pointer'
  | 'length'
  | 'count'
  | 'work'
  | 'trailing'
  | 'rdata';

/** Where `readName` puts its result; one is reused for all names of a message. */
export interface NameCursor {
  /** `.` for the root. */
  text: string;
  /** Every label byte is in [a-z0-9_-] after lower-casing, and it is not the root. */
  plain: boolean;
  /** Offset of what follows the name in the message. */
  end: number;
  /** Bytes of names read so far in this message; beyond MAX_NAME_BYTES it is malformed. */
  work: number;
}

export function nameCursor(): NameCursor {
  return { text: '.', plain: false, end: 0, work: 0 };
}

/** Each of at most 255 bytes may become `\DDD`. */
const scratch = Buffer.alloc(4 * MAX_NAME);
/** Bytes of the name in `scratch`. */
let written = 0;
/** Bytes of the same name on the wire, its root included. */
let wireLength = 1;
const DOT = 0x2e;
const BACKSLASH = 0x5c;
const ZERO = 0x30;

/** 0: escape; otherwise the lower-case byte itself. */
const plainByte = new Uint8Array(256);
for (const c of 'abcdefghijklmnopqrstuvwxyz0123456789_-')
  plainByte[c.charCodeAt(0)] = c.charCodeAt(0);
for (let c = 0x41; c <= 0x5a; c++) plainByte[c] = c + 0x20;

/**
 * Reads the name at `start`. Pointers may only go backwards, never into the header, so that every chain
 * of them ends; hops, length and the message's work are capped besides.
 *
 * @returns null, with the result in `cursor`, or what was wrong.
 */
export function readName(bytes: Uint8Array, start: number, cursor: NameCursor): Malformed | null {
  let segment = start;
  cursor.end = -1;
  cursor.plain = true;
  written = 0;
  wireLength = 1;
  for (let hops = 0; hops <= MAX_HOPS; hops++) {
    const at = readLabels(bytes, segment, cursor);
    if (typeof at === 'string') return at;
    const root = u8(bytes, at) === 0;
    if (cursor.end < 0) cursor.end = root ? at + 1 : at + 2;
    if (root) return finishName(cursor);
    segment = pointerTarget(bytes, at, segment);
    if (segment < 0) return 'pointer';
  }
  return 'pointer';
}

function finishName(cursor: NameCursor): null {
  if (written === 0) cursor.plain = false;
  cursor.text = written === 0 ? '.' : scratch.toString('latin1', 0, written);
  return null;
}

/** Strictly before the run of labels that it ends, and behind the header; -1 otherwise. */
function pointerTarget(bytes: Uint8Array, at: number, segment: number): number {
  if (at + 1 >= bytes.length) return -1;
  const target = u16(bytes, at) & 0x3fff;
  return target < segment && target >= HEADER ? target : -1;
}

/** Copies labels into `scratch`. @returns the offset of the root or pointer that ends them. */
function readLabels(bytes: Uint8Array, start: number, cursor: NameCursor): number | Malformed {
  for (let at = start; at < bytes.length; ) {
    const length = u8(bytes, at);
    const ends = length === 0 || length >= 0xc0;
    cursor.work += ends ? 1 : length + 1;
    if (cursor.work > MAX_NAME_BYTES) return 'work';
    if (ends) return at;
    wireLength += length + 1;
    const fault = labelFault(length, wireLength, bytes.length - at);
    if (fault !== null) return fault;
    if (!copyLabel(bytes, at + 1, at + 1 + length)) cursor.plain = false;
    at += length + 1;
  }
  return 'short';
}

function labelFault(length: number, wire: number, left: number): Malformed | null {
  if (length > MAX_LABEL) return 'label';
  if (wire > MAX_NAME) return 'length';
  return length >= left ? 'short' : null;
}

/** @returns whether every byte was plain. */
function copyLabel(bytes: Uint8Array, start: number, stop: number): boolean {
  let plain = true;
  if (written > 0) scratch[written++] = DOT;
  for (let i = start; i < stop; i++) {
    const byte = u8(bytes, i);
    const kept = plainByte[byte] as number;
    if (kept !== 0) scratch[written++] = kept;
    else {
      plain = false;
      written = escapeByte(byte, written);
    }
  }
  return plain;
}

function escapeByte(byte: number, at: number): number {
  scratch[at] = BACKSLASH;
  if (byte === DOT || byte === BACKSLASH) {
    scratch[at + 1] = byte;
    return at + 2;
  }
  scratch[at + 1] = ZERO + Math.floor(byte / 100);
  scratch[at + 2] = ZERO + (Math.floor(byte / 10) % 10);
  scratch[at + 3] = ZERO + (byte % 10);
  return at + 4;
}

/**
 * Offset of what follows the name at `at`, without decoding it; -1 if it does not end inside the
 * message. Used where a name's bytes do not matter, only where it stops.
 */
export function skipName(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && at - start < MAX_NAME) {
    const length = u8(bytes, at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= bytes.length ? at + 2 : -1;
    if (length > MAX_LABEL) return -1;
    at += length + 1;
  }
  return -1;
}

/**
 * Writes a plain name (as `readName` gives it with `plain` true) uncompressed.
 *
 * @returns the offset after it.
 * @throws TW_DNS_NAME for anything that is not a plain name; nothing but our own mistakes gets there.
 */
export function writeName(bytes: Uint8Array, start: number, name: string): number {
  if (name.length + 2 > MAX_NAME) throw failure(errors.name, { name, why: 'it is too long' });
  let lengthAt = start;
  let at = start + 1;
  for (let i = 0; i <= name.length; i++) {
    const byte = i < name.length ? name.charCodeAt(i) : DOT;
    if (byte === DOT) {
      const length = at - lengthAt - 1;
      if (length === 0) throw failure(errors.name, { name, why: 'a label is empty' });
      if (length > MAX_LABEL) throw failure(errors.name, { name, why: 'a label is too long' });
      bytes[lengthAt] = length;
      lengthAt = at++;
    } else if (plainByte[byte] === byte) bytes[at++] = byte;
    else throw failure(errors.name, { name, why: 'a byte is outside a-z, 0-9, _ and -' });
  }
  bytes[lengthAt] = 0;
  return lengthAt + 1;
}
