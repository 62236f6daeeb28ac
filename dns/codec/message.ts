/**
 * Reads an answer: header, one question, and the records of the answer and authority sections. A and
 * CNAME are decoded, every other type stays opaque. Records of the additional section are only checked
 * for their shape.
 */
import { u16, u32 } from './bytes.ts';
import { CLASS_IN, HEADER, MAX_RECORDS, types } from './constants.ts';
import { type Malformed, type NameCursor, nameCursor, readName, skipName } from './name.ts';

export interface Message {
  readonly id: number;
  readonly flags: number;
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** Bytes of names that reading took; never above MAX_NAME_BYTES. */
  readonly work: number;
}

export interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds; a value with the top bit set counts as 0 (RFC 2181 §8). */
  readonly ttl: number;
  /** Offsets of the record's data in the message. */
  readonly start: number;
  readonly end: number;
  /** Type A, class IN: the address in host order. */
  readonly address: number;
  /** Type CNAME, class IN: the name it points to; otherwise null. */
  readonly target: string | null;
  /** Of `target`: see `NameCursor.plain`. */
  readonly plain: boolean;
}

const TO_QUESTION = 0xc000 + HEADER;

/** The smallest record: root name, type, class, TTL, RDLENGTH. */
const SMALLEST = 11;

/** @returns the message or what was wrong with it. Never throws; work is bounded by MAX_NAME_BYTES. */
export function decodeMessage(bytes: Uint8Array): Message | Malformed {
  if (bytes.length < HEADER) return 'short';
  const answerCount = u16(bytes, 6);
  const known = answerCount + u16(bytes, 8);
  const total = known + u16(bytes, 10);
  // Counts are claims: refuse what the bytes could not hold before looking at the first record.
  if (u16(bytes, 4) !== 1 || total > MAX_RECORDS) return 'count';
  if (HEADER + 5 + total * SMALLEST > bytes.length) return 'count';

  const cursor = { ...nameCursor(), question: '', pointer: 0, pointed: '' };
  const fault = readName(bytes, HEADER, cursor);
  if (fault !== null) return fault;
  const name = cursor.text;
  cursor.question = name;
  const question = cursor.end;
  cursor.end += 4;
  if (cursor.end > bytes.length) return 'short';

  const records: ResourceRecord[] = [];
  for (let i = 0; i < known; i++) {
    const record = readRecord(bytes, cursor);
    if (typeof record === 'string') return record;
    records.push(record);
  }
  for (let i = known; i < total; i++) {
    cursor.end = skipRecord(bytes, cursor.end);
    if (cursor.end < 0) return 'short';
  }
  if (cursor.end !== bytes.length) return 'trailing';
  return {
    id: u16(bytes, 0),
    flags: u16(bytes, 2),
    name,
    type: u16(bytes, question),
    class: u16(bytes, question + 2),
    answers: records.slice(0, answerCount),
    authority: records.slice(answerCount),
    work: cursor.work,
  };
}

/** Reads the record at `cursor.end`, and leaves the cursor behind it. */
function readRecord(bytes: Uint8Array, cursor: OwnerCursor): ResourceRecord | Malformed {
  const fault = readOwner(bytes, cursor);
  if (fault !== null) return fault;
  const name = cursor.text;
  const at = cursor.end;
  if (at + 10 > bytes.length) return 'short';
  const type = u16(bytes, at);
  const klass = u16(bytes, at + 2);
  const ttl = u32(bytes, at + 4);
  const start = at + 10;
  const end = start + u16(bytes, at + 8);
  if (end > bytes.length) return 'short';
  const decoded = klass === CLASS_IN ? type : 0;
  const wrong = readData(bytes, cursor, decoded, start, end);
  if (wrong !== null) return wrong;
  cursor.end = end;
  return {
    name,
    type,
    class: klass,
    ttl: ttl > 0x7fffffff ? 0 : ttl,
    start,
    end,
    address: decoded === types.A ? u32(bytes, start) : 0,
    target: decoded === types.CNAME ? cursor.text : null,
    plain: decoded === types.CNAME && cursor.plain,
  };
}

/** Most owners are pointers: to the question, or to the name that the record before them has. */
interface OwnerCursor extends NameCursor {
  question: string;
  /** The last of these pointers as it stands in the message, and the name that it points to. */
  pointer: number;
  pointed: string;
}

function readOwner(bytes: Uint8Array, cursor: OwnerCursor): Malformed | null {
  const at = cursor.end;
  const word = at + 1 < bytes.length ? u16(bytes, at) : 0;
  if (word === TO_QUESTION || (word !== 0 && word === cursor.pointer)) {
    cursor.text = word === TO_QUESTION ? cursor.question : cursor.pointed;
    cursor.end = at + 2;
    return null;
  }
  const fault = readName(bytes, at, cursor);
  if (fault !== null || word < 0xc000) return fault;
  cursor.pointer = word;
  cursor.pointed = cursor.text;
  return null;
}

/** Checks the data of the types that are decoded; a CNAME's target is left in the cursor. */
function readData(
  bytes: Uint8Array,
  cursor: NameCursor,
  type: number,
  start: number,
  end: number,
): Malformed | null {
  if (type === types.A) return end - start === 4 ? null : 'rdata';
  if (type !== types.CNAME) return null;
  const fault = readName(bytes, start, cursor);
  if (fault !== null) return fault;
  return cursor.end === end ? null : 'rdata';
}

/** @returns the offset behind the record at `start`, -1 if it is not whole. */
function skipRecord(bytes: Uint8Array, start: number): number {
  const at = skipName(bytes, start);
  if (at < 0 || at + 10 > bytes.length) return -1;
  const end = at + 10 + u16(bytes, at + 8);
  return end > bytes.length ? -1 : end;
}
