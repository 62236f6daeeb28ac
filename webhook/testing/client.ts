/** Asks a webhook as an API server does, over HTTPS with a connection that is kept. */
import { Agent, request } from 'node:https';

export interface Answered {
  readonly status: number;
  readonly body: string;
}

export interface Asking {
  post(
    path: string,
    body: string | Buffer,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answered>;
  close(): void;
}

/** @param authority PEM @param sockets most connections at once; 0: a new one for each question */
export function asking(port: number, authority: string, sockets = 16): Asking {
  const agent = new Agent({
    keepAlive: sockets > 0,
    maxSockets: sockets || 256,
    maxCachedSessions: 0,
  });
  return {
    post: (path, body, headers = {}) =>
      new Promise((answered, failed) => {
        const asked = request(
          {
            host: '127.0.0.1',
            port,
            path,
            method: 'POST',
            ca: authority,
            agent,
            headers: { 'content-type': 'application/json', ...headers },
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (part: string) => {
              text += part;
            });
            response.on('end', () => answered({ status: response.statusCode ?? 0, body: text }));
            response.on('error', failed);
          },
        );
        asked.on('error', failed);
        asked.end(body);
      }),
    close: () => agent.destroy(),
  };
}
