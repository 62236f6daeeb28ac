/** One query by TCP on a connection of its own: for answers that did not fit a datagram. */
import { connect } from 'node:net';
import { matchAnswer } from '#dns/match.ts';
import type { ServerAddress } from './upstream-address.ts';
import type { Outcome } from './upstream-sockets.ts';

/**
 * Calls `done` once, never before it returns: with the answer, or with `next` if the server closed, sent
 * something else or took longer than `timeout` ms, or with `error` if it could not be reached.
 *
 * @returns gives up without calling `done`.
 */
export function askByTcp(
  server: ServerAddress,
  query: Uint8Array,
  timeout: number,
  done: (outcome: Outcome, answer: Uint8Array | null) => void,
): () => void {
  const socket = connect({ host: server.address, port: server.port, noDelay: true });
  let received = Buffer.alloc(0);
  let ended = false;
  const end = (outcome: Outcome | null, answer: Uint8Array | null): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    socket.destroy();
    if (outcome !== null) done(outcome, answer);
  };
  const timer = setTimeout(() => end('next', null), timeout);
  const framed = Buffer.alloc(2 + query.length);
  framed.writeUInt16BE(query.length);
  framed.set(query, 2);
  socket.on('connect', () => socket.write(framed));
  socket.on('error', () => end('error', null));
  socket.on('close', () => end('next', null));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2) return;
    const length = received.readUInt16BE(0);
    if (received.length < 2 + length) return;
    const answer = received.subarray(2, 2 + length);
    // Truncated again, or not our answer, although nobody else can write into this connection.
    end(matchAnswer(query, answer) === 'final' ? 'final' : 'next', answer);
  });
  return () => end(null, null);
}
