/**
 * The one way from the host into a cluster: a socket that listens on the host's loopback, served by a
 * process in the node's network namespace, which knows one destination only: the API server. A socket
 * belongs to the namespace in which it was made, so it is made outside and handed over.
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { API_PORT } from '../names.ts';

/** Listens on a free port of the host's loopback and gives the socket to `child`. Returns the port. */
export async function handOver(child: ChildProcess): Promise<number> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  try {
    await new Promise<void>((served, failed) => {
      child.once('message', () => served());
      child.once('exit', () => failed(new Error('it ended before it served')));
      child.send('listen', server, (error) => error !== null && failed(error));
    });
  } finally {
    server.close();
  }
  child.disconnect();
  return port;
}

function serve(server: Server): void {
  server.on('connection', (outside: Socket) => {
    const inside = connect(API_PORT, '127.0.0.1');
    const broken = (): void => {
      outside.destroy();
      inside.destroy();
    };
    for (const socket of [outside, inside]) socket.setNoDelay(true).on('error', broken);
    outside.pipe(inside).pipe(outside);
  });
}

if (import.meta.main) {
  process.on('message', (_message, handle) => {
    serve(handle as Server);
    process.send?.('ready');
  });
}
