/**
 * Writes the two kinds of message that we send: replies to clients and queries to upstream servers.
 * Both are built anew; of a client's bytes only its question (with its case), id, and the RD, CD and DO
 * bits come back to it, and nothing of it reaches an upstream server.
 */
import { Buffer } from 'node:buffer';
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';
import { put16, put32 } from './bytes.ts';
import { CLASS_IN, flags, HEADER, OPT_SIZE, types, UDP_EDNS, UDP_PLAIN } from './constants.ts';
import { writeName } from './name.ts';
import type { Query } from './query.ts';

export interface Reply {
  readonly rcode: number;
  /** Plain names, from the question's CNAME target to the name that has the addresses. */
  readonly chain?: readonly string[];
  /** IPv4, host order. */
  readonly addresses?: readonly number[];
  /** A TXT answer of the question's name: ASCII, at most MAX_TEXT bytes. */
  readonly text?: string;
  /** Seconds, of every record. */
  readonly ttl?: number;
}

export const MAX_TEXT = 1000;

/** Holds the longest reply there is: question, 8 CNAMEs, 32 addresses, OPT (see dns/answer.ts). */
const scratch = Buffer.alloc(8192);
const TO_QUESTION = 0xc000 | HEADER;

/** How many bytes a reply to this query may have by UDP. */
export function udpLimit(query: Query): number {
  if (query.edns === null) return UDP_PLAIN;
  return Math.min(Math.max(query.edns.size, UDP_PLAIN), UDP_EDNS);
}

/**
 * @param limit bytes; records that do not fit are left out and TC is set. What fits is still sent:
 *   some old resolvers never retry by TCP and take what they got.
 */
export function encodeReply(query: Query, reply: Reply, limit: number): Buffer {
  const room = limit - (query.edns === null ? 0 : OPT_SIZE);
  scratch.set(query.bytes.subarray(HEADER, query.questionEnd), HEADER);
  const body: Body = { at: query.questionEnd, owner: TO_QUESTION, count: 0, full: false };
  putRecords(body, reply, room);
  let at = body.at;
  if (query.edns !== null) at = putOpt(at, reply.rcode >> 4, query.edns.dnssecOk);
  const kept = query.flags & (flags.RD | flags.CD);
  const word =
    flags.QR | flags.RA | kept | (body.full ? flags.TC : 0) | (reply.rcode & flags.RCODE);
  putHeader(query.id, word, 1, body.count, query.edns === null ? 0 : 1);
  return Buffer.from(scratch.subarray(0, at));
}

/** The answer section while it grows. */
interface Body {
  at: number;
  /** A pointer to the owner of the next record. */
  owner: number;
  count: number;
  /** A record did not fit, and nothing may follow it. */
  full: boolean;
}

function putRecords(body: Body, reply: Reply, room: number): void {
  const ttl = reply.ttl ?? 0;
  for (const target of reply.chain ?? []) {
    const data = putRecord(body.at, body.owner, types.CNAME, ttl);
    closeRecord(body, data, writeName(scratch, data, target), room);
    if (body.full) return;
    body.owner = 0xc000 | data;
  }
  for (const address of reply.addresses ?? []) {
    const data = putRecord(body.at, body.owner, types.A, ttl);
    closeRecord(body, data, put32(scratch, data, address), room);
    if (body.full) return;
  }
  if (reply.text !== undefined) {
    const data = putRecord(body.at, body.owner, types.TXT, ttl);
    closeRecord(body, data, putText(data, reply.text), room);
  }
}

/** Sets RDLENGTH, the two bytes before the data; or leaves the record out if it ends beyond the room. */
function closeRecord(body: Body, data: number, end: number, room: number): void {
  if (end > room) {
    body.full = true;
    return;
  }
  put16(scratch, data - 2, end - data);
  body.at = end;
  body.count++;
}

/** A reply to something that could not be read as a query: a header with the sender's id and opcode. */
export function encodeFault(bytes: Uint8Array, rcode: number): Buffer {
  const word =
    (((bytes[2] as number) << 8) & (flags.OPCODE | flags.RD)) | flags.QR | flags.RA | rcode;
  putHeader(((bytes[0] as number) << 8) | (bytes[1] as number), word, 0, 0, 0);
  return Buffer.from(scratch.subarray(0, HEADER));
}

/** A query for the A records of a plain, lower-case name, with our own OPT. */
export function encodeQuery(id: number, name: string): Buffer {
  putHeader(id, flags.RD, 1, 0, 1);
  let at = writeName(scratch, HEADER, name);
  at = put16(scratch, at, types.A);
  at = put16(scratch, at, CLASS_IN);
  at = putOpt(at, 0, false);
  return Buffer.from(scratch.subarray(0, at));
}

function putHeader(
  id: number,
  word: number,
  questions: number,
  answers: number,
  extra: number,
): void {
  put16(scratch, 0, id);
  put16(scratch, 2, word);
  put16(scratch, 4, questions);
  put16(scratch, 6, answers);
  put16(scratch, 8, 0);
  put16(scratch, 10, extra);
}

/** @returns the offset of the data; RDLENGTH stands in the two bytes before it. */
function putRecord(start: number, owner: number, type: number, ttl: number): number {
  let at = put16(scratch, start, owner);
  at = put16(scratch, at, type);
  at = put16(scratch, at, CLASS_IN);
  return put32(scratch, at, ttl) + 2;
}

function putText(start: number, text: string): number {
  // Printable ASCII only: this text comes from us, and ends in logs of barriers.
  if (text.length > MAX_TEXT || !/^[\x20-\x7e]*$/.test(text)) {
    throw failure(errors.text, { length: text.length, most: MAX_TEXT });
  }
  let at = start;
  for (let i = 0; i === 0 || i < text.length; i += 255) {
    const part = text.slice(i, i + 255);
    scratch[at++] = part.length;
    at += scratch.write(part, at, 'latin1');
  }
  return at;
}

function putOpt(start: number, extendedRcode: number, dnssecOk: boolean): number {
  scratch[start] = 0;
  let at = put16(scratch, start + 1, types.OPT);
  at = put16(scratch, at, UDP_EDNS);
  scratch[at++] = extendedRcode;
  scratch[at++] = 0;
  at = put16(scratch, at, dnssecOk ? 0x8000 : 0);
  return put16(scratch, at, 0);
}
