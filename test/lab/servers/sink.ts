/** Servers that write down all that arrives: what a job sent, or the proof that nothing came. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab.ts';
import type { Side } from '../namespaces.ts';
import type { Received, SinkListener } from './sink-process.ts';
import { freePath, readLines, type Server, startOwnServer } from './start.ts';

export interface Sink extends Server {
  /** One entry per connection, request and datagram, in order of arrival. */
  log(): Received[];
  /**
   * The log once it has at least `count` entries, or as it is after 5 s. A sender may be gone before
   * its datagram is written down; that nothing came is proved by `lab.packetsTo`.
   */
  waitFor(count: number): Promise<Received[]>;
  /** The file behind it, one JSON value per line. */
  readonly logFile: string;
}

/** One process with all listeners; their addresses are added to the lab's internet. */
export function startSink(lab: Lab, listeners: readonly SinkListener[]): Promise<Sink> {
  const placed = listeners.map((one) => ({ ...one, address: lab.addAddress(one.address) }));
  return serve(lab, placed, 'net');
}

/** The same on the machine's side: a service of someone else's on this host. */
export function startLocalSink(lab: Lab, listeners: readonly SinkListener[]): Promise<Sink> {
  return serve(lab, listeners, 'host');
}

async function serve(lab: Lab, listeners: readonly SinkListener[], side: Side): Promise<Sink> {
  const logFile = freePath(lab, 'sink.log');
  const server = await startOwnServer(lab, 'sink', { log: logFile, listeners }, side);
  const log = (): Received[] => readLines<Received>(logFile);
  const waitFor = async (count: number): Promise<Received[]> => {
    for (let waited = 0; waited < 5000 && log().length < count; waited += 10) await sleep(10);
    return log();
  };
  return { ...server, logFile, log, waitFor };
}
