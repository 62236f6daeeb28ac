/**
 * The HTTPS server that the API server asks. What is malformed, too large or too slow costs its own answer
 * and nobody else's.
 */
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { failure } from '#api/error.ts';
import { parseReview } from '../check/review.ts';
import { errors } from '../errors.ts';
import { paths } from '../manifests/webhooks.ts';
import { type Answering, answers, type Hook, responseOf } from './answer.ts';
import { Budget, limits } from './limits.ts';

/** PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Observed {
  readonly hook: Hook | null;
  /** `allowed`, or the code of what refused it; of HTTP errors the status. */
  readonly result: string;
  /** ms from its last byte to the answer. */
  readonly took: number;
}

export interface ServerOptions extends Answering {
  readonly address: string;
  readonly port: number;
  readonly pair: Pair;
  readonly observe?: (observed: Observed) => void;
  /** A fault of ours; the review is answered with 500. */
  readonly fault?: (error: Error) => void;
  /** Shorter in tests. */
  readonly arrival?: number;
}

export interface ReviewServer {
  readonly port: number;
  /** For connections from now on; those that are open go on with theirs. */
  use(pair: Pair): void;
  /** Answers what was asked, takes no more. */
  close(): Promise<void>;
}

/** @throws TW_WEBHOOK_LISTEN (rejects) */
export async function serveReviews(options: ServerOptions): Promise<ReviewServer> {
  const { address, port } = options;
  const app = build(options);
  try {
    await app.listen({ host: address, port });
  } catch (cause) {
    const fields = {
      what: 'admission',
      where: `${address}:${port}`,
      reason: (cause as Error).message,
    };
    throw failure(errors.listen, fields, cause);
  }
  const server = app.server as Server;
  return {
    port: (server.address() as AddressInfo).port,
    use: ({ certificate, key }) => server.setSecureContext({ ...tls, cert: certificate, key }),
    close: () => closed(app, server),
  };
}

/** Connections without a question are closed at once, those with one when it is answered or too late. */
async function closed(app: FastifyInstance, server: Server): Promise<void> {
  const late = setTimeout(() => server.closeAllConnections(), limits.parting);
  try {
    await app.close();
  } finally {
    clearTimeout(late);
  }
}

const tls = { minVersion: 'TLSv1.2' } as const;

function build(options: ServerOptions): FastifyInstance {
  const { pair, arrival = limits.arrival } = options;
  const app = fastify({
    https: { ...tls, cert: pair.certificate, key: pair.key, handshakeTimeout: limits.handshake },
    bodyLimit: limits.body,
    requestTimeout: arrival,
    keepAliveTimeout: limits.idle,
    forceCloseConnections: 'idle',
    // Ours come from the configuration; a log line for each would be more than the answers.
    logger: false,
    exposeHeadRoutes: false,
  }) as unknown as FastifyInstance;
  const server = app.server as Server;
  server.maxConnections = limits.connections;
  // Node looks for requests that are late every 30 s unless told.
  Object.assign(server, { connectionsCheckingInterval: 1000, headersTimeout: arrival });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) =>
    done(null, body),
  );
  holdBudget(app);
  answerErrors(app, options);
  for (const hook of Object.keys(paths) as Hook[]) {
    app.post(paths[hook], (request, reply) => answer(hook, request, reply, options));
  }
  return app;
}

function answer(
  hook: Hook,
  { body }: FastifyRequest,
  reply: FastifyReply,
  options: ServerOptions,
): FastifyReply {
  const began = performance.now();
  const review = parseReview(parseJson(body));
  if (review === null) {
    return reply.code(400).send({ message: 'This is no AdmissionReview of admission.k8s.io/v1.' });
  }
  const given = answers[hook](review, options);
  options.observe?.({
    hook,
    result: given.code ?? 'allowed',
    took: performance.now() - began,
  });
  return reply.type('application/json').send(JSON.stringify(responseOf(review.uid, given)));
}

function parseJson(body: unknown): unknown {
  try {
    return JSON.parse(body as string);
  } catch {
    // It is answered as what is no review, whatever it is.
    return undefined;
  }
}

/** Room for each body is taken before it is read, and given back when it was answered. */
function holdBudget(app: FastifyInstance): void {
  const budget = new Budget(limits.bodies);
  const taken = new WeakMap<IncomingMessage, number>();
  app.addHook('onRequest', (request, reply, done) => {
    const said = Number(request.headers['content-length']);
    const bytes = Number.isSafeInteger(said) ? Math.min(said, limits.body) : limits.body;
    if (!budget.take(bytes)) {
      reply
        .code(503)
        .header('retry-after', '1')
        .send({ message: 'Too much is being read at once.' });
      return;
    }
    taken.set(request.raw, bytes);
    reply.raw.once('close', () => {
      budget.give(taken.get(request.raw) ?? 0);
      taken.delete(request.raw);
    });
    done();
  });
}

function answerErrors(app: FastifyInstance, { observe, fault }: ServerOptions): void {
  const tell = (status: number): void => observe?.({ hook: null, result: String(status), took: 0 });
  app.setNotFoundHandler((_, reply) => {
    tell(404);
    return reply.code(404).send({ message: `POST to one of ${Object.values(paths).join(', ')}.` });
  });
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, _, reply) => {
    const { statusCode: status = 500, message } = error;
    tell(status);
    if (status >= 500) fault?.(error);
    return reply.code(status).send({ message: status >= 500 ? 'A fault of ours.' : message });
  });
}
