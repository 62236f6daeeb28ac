/**
 * Does this datagram answer that query, and is it worth keeping? The sockets ask this before they stop
 * waiting: whoever guesses must not be able to end the wait with a wrong answer (RFC 5452 §9.1).
 */
import { u16 } from './codec/bytes.ts';
import { flags, HEADER, rcodes } from './codec/constants.ts';
import { decodeMessage } from './codec/message.ts';
import { skipName } from './codec/name.ts';

/**
 * `ignore`: not an answer to this query, keep waiting. `truncated`: ask again by TCP. `next`: this server
 * cannot help (it failed, refused, or sent something broken), ask another. `final`: hand it on.
 */
export type Match = 'ignore' | 'truncated' | 'next' | 'final';

/** @param query as `encodeQuery` wrote it: the question stands uncompressed behind the header. */
export function matchAnswer(query: Uint8Array, answer: Uint8Array): Match {
  const match = matchHeader(query, answer);
  if (match !== 'final') return match;
  return typeof decodeMessage(answer) === 'string' ? 'next' : 'final';
}

/** The same by header and question alone, without reading the records. */
export function matchHeader(query: Uint8Array, answer: Uint8Array): Match {
  if (!sameQuestion(query, answer)) return 'ignore';
  const word = u16(answer, 2);
  if ((word & flags.TC) !== 0) return 'truncated';
  const rcode = word & flags.RCODE;
  return rcode === rcodes.NOERROR || rcode === rcodes.NXDOMAIN ? 'final' : 'next';
}

/** Same id, a standard query's response, and the same question byte for byte. */
function sameQuestion(query: Uint8Array, answer: Uint8Array): boolean {
  const end = skipName(query, HEADER) + 4;
  if (answer.length < end || u16(answer, 0) !== u16(query, 0)) return false;
  if ((u16(answer, 2) & (flags.QR | flags.OPCODE)) !== flags.QR || u16(answer, 4) !== 1)
    return false;
  for (let i = HEADER; i < end; i++) if (answer[i] !== query[i]) return false;
  return true;
}
