/**
 * An API server that does what a test says: every request is given to the next line of the script. Real
 * sockets, so what is cut, slow or half open is that for the client too.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Connection } from '../client/connection.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answer = (asked: Asked, response: ServerResponse) => void;

export interface ScriptedServer {
  readonly connection: Connection;
  readonly asked: readonly Asked[];
  /** Sockets that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** What comes when: each answers one request; the last one answers all that follow. */
  script(...answers: readonly Answer[]): void;
  /** Resolves when so many requests have come in all. */
  reached(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** PEM; then it speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly security?: Connection['security'];
}

export async function scriptedServer(options: ServerOptions = {}): Promise<ScriptedServer> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  let answers: readonly Answer[] = [];
  const waiting = new Set<() => void>();
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', 'http://server');
    const one: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    asked.push(one);
    const [answer = status(501, 'NotScripted'), ...rest] = answers;
    if (rest.length > 0) answers = rest;
    answer(one, response);
    for (const look of waiting) look();
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    // A client that goes away within its request.
    handle(request, response).catch(() => response.destroy());
  };
  const server = options.tls ? createSecureServer(options.tls, listener) : createServer(listener);
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    connection: {
      server: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
      namespace: 'default',
      security: options.security ?? (async () => ({})),
    },
    asked,
    sockets,
    script(...next) {
      answers = next;
    },
    reached(count) {
      return new Promise((resolve) => {
        const look = () => {
          if (asked.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export function json(body: unknown, http = 200, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(http, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** A refusal as the API server gives it. */
export function status(
  code: number,
  reason: string,
  { headers = {}, ...more }: { headers?: Record<string, string>; [field: string]: unknown } = {},
): Answer {
  const body = {
    kind: 'Status',
    status: 'Failure',
    message: `${reason} it is`,
    reason,
    code,
    ...more,
  };
  return json(body, code, headers);
}

/** Destroys the connection before any answer. */
export const reset: Answer = (_, response) => {
  response.socket?.resetAndDestroy();
};

/** Takes the request and says nothing, for ever. */
export const silent: Answer = () => undefined;

/** What a watch sends. A text goes out as it is; `held` keeps the connection open after the last. */
export function watch(parts: readonly unknown[], end: 'close' | 'held' | 'reset' = 'held'): Answer {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    for (const part of parts) {
      response.write(typeof part === 'string' ? part : `${JSON.stringify(part)}\n`);
    }
    if (end === 'close') response.end();
    // After what was written has left.
    if (end === 'reset') setTimeout(() => response.socket?.resetAndDestroy(), 20);
  };
}

export function list(version: string, items: readonly unknown[], next?: string): Answer {
  const metadata = { resourceVersion: version, ...(next === undefined ? {} : { continue: next }) };
  return json({ kind: 'List', metadata, items });
}

export function pod(
  name: string,
  version: number | string,
  more: object = {},
): object & {
  metadata: { name: string; namespace: string; uid: string; resourceVersion: string };
} {
  const metadata = { namespace: 'ci', name, uid: `uid-${name}`, resourceVersion: String(version) };
  return { metadata, ...more };
}

export const bookmark = (version: number | string, annotations: Record<string, string> = {}) => ({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion: String(version), annotations } },
});

export const endOfList = (version: number | string) =>
  bookmark(version, { 'k8s.io/initial-events-end': 'true' });
export const added = (object: object) => ({ type: 'ADDED', object });
export const modified = (object: object) => ({ type: 'MODIFIED', object });
export const deleted = (object: object) => ({ type: 'DELETED', object });
export const expired = {
  type: 'ERROR',
  object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' },
};
