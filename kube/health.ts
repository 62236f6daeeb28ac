/** Health and metrics over HTTP: `/healthz` while the process works, `/readyz` while nothing keeps it from its work. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthOptions {
  readonly address: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly metrics: Registry;
  /** Of each answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What keeps it from its work now, in sentences; empty when nothing does. */
  problems(): readonly string[];
}

export interface Health {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects with the error of `listen`. */
export function serveHealth(options: HealthOptions): Promise<Health> {
  const headers = new Headers(options.headers);
  const server = createServer((request, response) => {
    response.setHeaders(headers);
    if (request.method !== 'GET') return answer(response, 405, 'GET only\n');
    if (request.url === '/healthz') return answer(response, 200, 'ok\n');
    if (request.url === '/readyz') return ready(response, options.problems());
    if (request.url === '/metrics') return void metrics(response, options.metrics);
    answer(response, 404, '/healthz, /readyz, /metrics\n');
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.address, port: options.port }, () =>
      resolve({ port: (server.address() as AddressInfo).port, close: () => closed(server) }),
    );
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function ready(response: ServerResponse, problems: readonly string[]): void {
  if (problems.length === 0) answer(response, 200, 'ok\n');
  else answer(response, 503, `${problems.join('\n')}\n`);
}

async function metrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    const text = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType }).end(text);
  } catch (error) {
    answer(response, 500, `${(error as Error).message}\n`);
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
