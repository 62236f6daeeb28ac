/** A receiver in the test's own process: HTTP on loopback, that does what the test says. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** `cut`: the connection is ended without an answer; `hang`: none ever comes. */
export type Reaction =
  | { status: number; headers?: Record<string, string>; body?: string }
  | 'cut'
  | 'hang';

export interface TestReceiver {
  readonly url: URL;
  readonly received: Received[];
  react: (request: Received) => Reaction;
  close(): Promise<void>;
}

/** `port`: 0, or one that a receiver before this one had. */
export async function openReceiver(
  react: TestReceiver['react'] = () => ({ status: 200 }),
  port = 0,
): Promise<TestReceiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts).toString();
    const one = { url: request.url ?? '', headers: request.headers, body };
    received.push(one);
    const reaction = receiver.react(one);
    if (reaction === 'cut') return void request.socket.destroy();
    if (reaction === 'hang') return;
    response.writeHead(reaction.status, reaction.headers).end(reaction.body);
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
  const receiver: TestReceiver = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/in`),
    received,
    react,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}
