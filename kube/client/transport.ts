/** One HTTP request to the API server: headers, deadline, abort, and the moment when a write leaves. */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { KubeError } from '../errors.ts';
import type { Connection, Security } from './connection.ts';
import type { Fence } from './types.ts';

export interface Outgoing {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly contentType?: string;
  /** Beside those that every request has. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  /** Until the headers are there. */
  readonly headersMs: number;
  /** Until the end of the body. */
  readonly totalMs: number;
  readonly fence?: Fence | undefined;
}

/** Dead peers that answer no probe are noticed after some 25 seconds: Node sends ten, a second apart. */
const probeAfterMs = 15_000;
/** An API server closes idle connections after 90 seconds; we do it before. */
const idleMs = 60_000;

export class Transport {
  readonly #connection: Connection;
  readonly #userAgent: string;
  readonly #clock: Clock;
  readonly #base: URL;
  readonly #agent: http.Agent;

  constructor(connection: Connection, userAgent: string, clock: Clock) {
    this.#connection = connection;
    this.#userAgent = userAgent;
    this.#clock = clock;
    this.#base = new URL(connection.server);
    const { proxy } = connection;
    const options = {
      keepAlive: true,
      timeout: idleMs,
      maxFreeSockets: 8,
      ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
    };
    this.#agent =
      this.#base.protocol === 'http:' ? new http.Agent(options) : new https.Agent(options);
  }

  /** Gives the answer when its headers are there; destroying it ends the request. */
  async open(outgoing: Outgoing, refused: boolean): Promise<http.IncomingMessage> {
    const security = await this.#connection.security(refused);
    outgoing.signal?.throwIfAborted();
    const secure = this.#base.protocol !== 'http:';
    const options = this.#options(outgoing, security);
    const request = secure ? https.request(options) : http.request(options);
    return new Promise((resolve, reject) => {
      const bounds = new Bounds(request, outgoing, this.#clock);
      request.once('socket', (socket) => {
        socket.setKeepAlive(true, probeAfterMs);
        whenConnected(socket, () => this.#leave(request, outgoing));
      });
      request.once('response', (response) => {
        bounds.answered(response);
        resolve(response);
      });
      request.once('error', (error) => {
        bounds.over();
        reject(bounds.reason ?? unreachable(request, error));
      });
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** From the check to the write there is no other turn of the event loop. */
  #leave(request: http.ClientRequest, { fence, body }: Outgoing): void {
    try {
      fence?.check();
    } catch (error) {
      request.destroy(error as Error);
      return;
    }
    request.end(body);
  }

  #options(outgoing: Outgoing, security: Security): https.RequestOptions {
    const { serverName, insecure } = this.#connection;
    const { ca, token, clientCertificate, clientKey } = security;
    const { method, path, body, contentType, headers } = outgoing;
    return {
      protocol: this.#base.protocol,
      hostname: this.#base.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: this.#base.port,
      path: `${this.#base.pathname.replace(/\/$/, '')}${path}`,
      method,
      agent: this.#agent,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...(token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined
          ? {}
          : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
      },
      ...(ca === undefined ? {} : { ca }),
      ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(insecure === true ? { rejectUnauthorized: false } : {}),
    };
  }
}

/** What may end a request before its time: its deadlines, its caller, its fence. */
class Bounds {
  reason: unknown;
  readonly #request: http.ClientRequest;
  readonly #outgoing: Outgoing;
  readonly #cancelTotal: () => void;
  readonly #cancelHeaders: () => void;
  #response: http.IncomingMessage | undefined;

  constructor(request: http.ClientRequest, outgoing: Outgoing, clock: Clock) {
    const { signal, fence, headersMs, totalMs, method, path } = outgoing;
    this.#request = request;
    this.#outgoing = outgoing;
    const late = (ms: number) => () =>
      this.#end(new KubeError('KUBE_TIMEOUT', `${method} ${path}: no answer within ${ms} ms.`));
    this.#cancelHeaders = clock.after(headersMs, late(headersMs));
    this.#cancelTotal = clock.after(totalMs, late(totalMs));
    signal?.addEventListener('abort', this.#aborted);
    fence?.signal.addEventListener('abort', this.#aborted);
  }

  answered(response: http.IncomingMessage): void {
    this.#cancelHeaders();
    this.#response = response;
    response.once('close', () => this.over());
  }

  over(): void {
    this.#cancelHeaders();
    this.#cancelTotal();
    this.#outgoing.signal?.removeEventListener('abort', this.#aborted);
    this.#outgoing.fence?.signal.removeEventListener('abort', this.#aborted);
  }

  readonly #aborted = (): void => {
    const { signal, fence } = this.#outgoing;
    this.#end(signal?.aborted === true ? signal.reason : fence?.signal.reason);
  };

  #end(reason: unknown): void {
    this.reason ??= reason;
    const error = reason instanceof Error ? reason : new Error('aborted', { cause: reason });
    this.#response?.destroy(error);
    this.#request.destroy(error);
  }
}

function whenConnected(socket: Socket, call: () => void): void {
  const secure = socket instanceof TLSSocket;
  const protocol = secure ? socket.getProtocol() : undefined;
  const connected = secure ? protocol !== null && protocol !== 'unknown' : !socket.connecting;
  if (connected) call();
  else socket.once(secure ? 'secureConnect' : 'connect', call);
}

function unreachable(request: http.ClientRequest, cause: Error): Error {
  if (cause instanceof KubeError) return cause;
  const where = `${request.method} ${request.protocol}//${request.getHeader('host')}${request.path}`;
  const unsent = request.reusedSocket && 'code' in cause && cause.code === 'ECONNRESET';
  const reason = unsent ? { reason: staleConnection } : {};
  return new KubeError('KUBE_UNREACHABLE', `${where}: ${cause.message}`, { cause, ...reason });
}

/** The server had closed a kept connection, most likely before it read the request. */
export const staleConnection = 'StaleConnection';
