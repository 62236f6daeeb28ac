/** For tests: a DNS server on loopback, by UDP and TCP on one port, that does whatever a script says. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { TestContext } from 'node:test';

export interface Seen {
  readonly query: Buffer;
  readonly transport: 'udp' | 'tcp';
  /** The port that it came from. */
  readonly port: number;
}

/** What to send back, in order; an empty list is silence. */
export type Script = (seen: Seen) => readonly Uint8Array[];

export interface Authority {
  readonly port: number;
  /** As `createUpstream` takes it. */
  readonly server: string;
  readonly seen: Seen[];
}

/** Ends with the test. */
export async function startAuthority(t: TestContext, script: Script): Promise<Authority> {
  const seen: Seen[] = [];
  const note = (one: Seen): readonly Uint8Array[] => {
    seen.push(one);
    return script(one);
  };
  const tcp = createServer((socket) => {
    t.after(() => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      const query = chunk.subarray(2);
      for (const reply of note({ query, transport: 'tcp', port: socket.remotePort ?? 0 })) {
        socket.write(frame(reply));
      }
    });
  });
  const { udp, port } = await bindBoth(tcp);
  t.after(() => close(udp, tcp));
  udp.on('message', (query, { address, port: from }) => {
    for (const reply of note({ query, transport: 'udp', port: from }))
      udp.send(reply, from, address);
  });
  return { port, server: `127.0.0.1:${port}`, seen };
}

/** A message behind its length, as TCP carries it. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length);
  framed.set(message, 2);
  return framed;
}

/** One number free for UDP and for TCP: another is taken when a program of the machine has it for TCP. */
async function bindBoth(tcp: Server): Promise<{ readonly udp: Socket; readonly port: number }> {
  for (;;) {
    const udp = createSocket('udp4');
    const port = await bind(udp);
    tcp.listen(port, '127.0.0.1');
    try {
      await once(tcp, 'listening');
      return { udp, port };
    } catch (error) {
      udp.close();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

function bind(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () => resolve(socket.address().port));
  });
}

function close(udp: Socket, tcp: Server): void {
  udp.close();
  tcp.close();
}

/** A UDP port of loopback on which nobody listens: taken once and given back. */
export async function deadPort(): Promise<number> {
  const socket = createSocket('udp4');
  const port = await bind(socket);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
