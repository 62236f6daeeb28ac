/** One POST after the other to one address, over a connection that is kept. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface Reply {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** At most 16 KiB of it. */
  readonly body: string;
}

/** Bytes of an answer that are read. */
const LONGEST_BODY = 16 * 1024;
/** An answer that takes longer does not come, ms. */
const TIMEOUT = 10_000;

export class Poster {
  readonly #url: URL;
  readonly #timeout: number;
  readonly #agent: HttpAgent;

  constructor(url: URL, timeout = TIMEOUT) {
    this.#url = url;
    this.#timeout = timeout;
    const options = { keepAlive: true, maxSockets: 1 };
    this.#agent = url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Rejects where no answer comes, or not in time. Redirections are answers. */
  async post(headers: Record<string, string>, body: string, signal: AbortSignal): Promise<Reply> {
    const limit = AbortSignal.timeout(this.#timeout);
    try {
      return await this.#exchange(headers, body, AbortSignal.any([signal, limit]));
    } catch (error) {
      if (limit.aborted) throw new Error(`no answer within ${this.#timeout} ms`, { cause: error });
      throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(headers: Record<string, string>, body: string, signal: AbortSignal): Promise<Reply> {
    const request = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const asked = request(this.#url, {
        method: 'POST',
        agent: this.#agent,
        signal,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      });
      asked.once('error', reject);
      asked.once('response', (response) => readReply(response).then(resolve, reject));
      asked.end(body);
    });
  }
}

async function readReply(response: IncomingMessage): Promise<Reply> {
  let body = '';
  for await (const part of response) {
    body += (part as Buffer).toString('latin1');
    if (body.length > LONGEST_BODY) break;
  }
  return {
    status: response.statusCode ?? 0,
    retryAfter: response.headers['retry-after'],
    body: body.slice(0, LONGEST_BODY),
  };
}
