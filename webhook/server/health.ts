/** Health and metrics over HTTP, on a port of their own: `/healthz`, `/readyz`, `/metrics`. */
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import type { Registry } from 'prom-client';
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';

export interface HealthOptions {
  readonly address: string;
  readonly port: number;
  readonly metrics: Registry;
  /** What keeps reviews from being answered now, in sentences; empty when nothing does. */
  problems(): readonly string[];
}

/** @throws TW_WEBHOOK_LISTEN (rejects) */
export async function serveHealth({ address, port, metrics, problems }: HealthOptions) {
  const app = fastify({ bodyLimit: 1, exposeHeadRoutes: false, forceCloseConnections: true });
  app.get('/healthz', () => 'ok\n');
  app.get('/readyz', (_, reply) => {
    const found = problems();
    if (found.length === 0) return 'ok\n';
    return reply.code(503).send(`${found.join('\n')}\n`);
  });
  app.get('/metrics', async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
  try {
    await app.listen({ host: address, port });
  } catch (cause) {
    const fields = {
      what: 'health',
      where: `${address}:${port}`,
      reason: (cause as Error).message,
    };
    throw failure(errors.listen, fields, cause);
  }
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}
