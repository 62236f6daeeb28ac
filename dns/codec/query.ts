/**
 * Reads what a client sent, strictly: one question, nothing else but at most one OPT, and not a byte
 * behind it. Options inside the OPT are never looked at and go nowhere.
 */
import { u8, u16, u32 } from './bytes.ts';
import { flags, HEADER, OPT_SIZE, rcodes, types } from './constants.ts';
import { nameCursor, readName } from './name.ts';

export interface Query {
  readonly id: number;
  /** The header's second word as it came. */
  readonly flags: number;
  /** Lower-case, escaped; see codec/name.ts. */
  readonly name: string;
  readonly plain: boolean;
  readonly type: number;
  readonly class: number;
  /** The message itself; the question's bytes, with the client's case, are [12, questionEnd). */
  readonly bytes: Uint8Array;
  readonly questionEnd: number;
  readonly edns: Edns | null;
}

export interface Edns {
  /** Bytes that the sender takes by UDP, as it said it. */
  readonly size: number;
  readonly version: number;
  /** The DO bit; a reply copies it (RFC 3225 §3). */
  readonly dnssecOk: boolean;
}

/** A message that is not a query which we read: `drop` gets no reply, the others one with this rcode. */
export type QueryFault = 'drop' | typeof rcodes.FORMERR | typeof rcodes.NOTIMP;

/** @returns the query, or why it is none. Never throws; reads each byte at most once. */
export function decodeQuery(bytes: Uint8Array): Query | QueryFault {
  if (bytes.length < HEADER) return 'drop';
  const header = u16(bytes, 2);
  if ((header & flags.QR) !== 0) return 'drop';
  if ((header & flags.OPCODE) !== 0) return rcodes.NOTIMP;
  const additional = u16(bytes, 10);
  // Question, answer and authority counts; of the additional section only an OPT is known.
  if (u16(bytes, 4) !== 1 || u32(bytes, 6) !== 0 || additional > 1) return rcodes.FORMERR;

  const cursor = nameCursor();
  // A pointer cannot be legal here: there is nothing before the first name to point to.
  if (readName(bytes, HEADER, cursor) !== null) return rcodes.FORMERR;
  const questionEnd = cursor.end + 4;
  if (questionEnd > bytes.length) return rcodes.FORMERR;
  let edns: Edns | null = null;
  if (additional === 1) {
    edns = readOpt(bytes, questionEnd);
    if (edns === null) return rcodes.FORMERR;
  } else if (questionEnd !== bytes.length) return rcodes.FORMERR;

  return {
    id: u16(bytes, 0),
    flags: header,
    name: cursor.text,
    plain: cursor.plain,
    type: u16(bytes, cursor.end),
    class: u16(bytes, cursor.end + 2),
    bytes,
    questionEnd,
    edns,
  };
}

/** The first name in a message that is no query which we read; `.` where there is none to read. */
export function firstName(bytes: Uint8Array): string {
  const cursor = nameCursor();
  return readName(bytes, HEADER, cursor) === null ? cursor.text : '.';
}

/** RFC 6891 §6.1.2; must be owned by the root and reach exactly to the end. */
function readOpt(bytes: Uint8Array, at: number): Edns | null {
  if (at + OPT_SIZE > bytes.length) return null;
  if (u8(bytes, at) !== 0 || u16(bytes, at + 1) !== types.OPT) return null;
  if (at + OPT_SIZE + u16(bytes, at + 9) !== bytes.length) return null;
  return {
    size: u16(bytes, at + 3),
    version: u8(bytes, at + 6),
    dnssecOk: (u8(bytes, at + 7) & 0x80) !== 0,
  };
}
