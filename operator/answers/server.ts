/**
 * Answers over HTTPS, through the API server's proxy. That takes away who asks, so the asker brings a token of the
 * service account that may ask: whoever may make one there, by the API server's own rights, may ask here.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { asciiJson } from '#api/escape.ts';
import type { Issued } from '#kube/certificates/issue.ts';
import type { Clock } from '#kube/index.ts';
import { AUDIENCE, type Review } from '../intake/tokens.ts';
import { Rate } from '../rate.ts';
import { type AnswersParts, answer, refuse, type Said } from './answers.ts';

/** The proxy keeps `Authorization` for itself. */
export const TOKEN_HEADER = 'x-torwacht-token';

/** Tokens that the API server is asked about, of all who ask. */
const REVIEWS = { perSecond: 5, burst: 20 };
/** Longer than any token, and than a path. */
const LONGEST_HEADERS = 16 * 1024;
/** ms */
const TIMEOUT = 30_000;

export interface AnswersOptions extends AnswersParts {
  readonly address: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly pair: Issued;
  readonly clock: Clock;
  /** `system:serviceaccount:torwacht:torwacht-reader`. */
  readonly account: string;
  review(token: string): Promise<Review>;
  /** A fault of ours, or of who was asked. */
  fault(error: unknown): void;
}

export interface AnswersServer {
  readonly port: number;
  /** Another certificate, for connections from now on. */
  use(pair: Issued): void;
  close(): Promise<void>;
}

/** Rejects with the error of listening. */
export function serveAnswers(options: AnswersOptions): Promise<AnswersServer> {
  const rate = new Rate(REVIEWS);
  const limits = { maxHeaderSize: LONGEST_HEADERS, requestTimeout: TIMEOUT };
  const server = createServer({ ...limits, ...contextOf(options.pair) }, (request, response) => {
    void respond(request, options, rate).then((said) => send(response, said));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.address, port: options.port }, () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        use: (pair) => server.setSecureContext(contextOf(pair)),
        close: () => closed(server),
      }),
    );
  });
}

async function respond(
  request: IncomingMessage,
  options: AnswersOptions,
  rate: Rate,
): Promise<Said> {
  try {
    const refused = await whoAsks(request, options, rate);
    if (refused !== null) return refused;
    const url = URL.parse(request.url ?? '', 'https://operator');
    if (url === null) return refuse(400, 'BadRequest', 'the path cannot be read');
    return await answer({ method: request.method ?? '', url }, options);
  } catch (error) {
    options.fault(error);
    return refuse(
      500,
      'InternalError',
      'it cannot be answered now; the log of the operator says why',
    );
  }
}

/** Null for one who may ask. */
async function whoAsks(
  request: IncomingMessage,
  { review, account, clock }: AnswersOptions,
  rate: Rate,
): Promise<Said | null> {
  const token = request.headers[TOKEN_HEADER];
  if (typeof token !== 'string' || token === '') {
    return refuse(401, 'Unauthorized', `there is no token in ${TOKEN_HEADER}`);
  }
  if (!rate.take(clock.monotonic())) return refuse(429, 'TooManyRequests', 'ask again later');
  const { authenticated, audiences = [], user } = await review(token);
  if (authenticated !== true || !audiences.includes(AUDIENCE)) {
    return refuse(401, 'Unauthorized', `this is no token for ${AUDIENCE}`);
  }
  return user?.username === account ? null : refuse(403, 'Forbidden', `this is not ${account}`);
}

function send(response: ServerResponse, { status, body }: Said): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  response.writeHead(status, headers).end(asciiJson(body));
}

function contextOf({ certificate, key }: Issued) {
  return { cert: certificate, key, minVersion: 'TLSv1.3' } as const;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
