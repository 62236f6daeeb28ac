/** Questions to an API server without a process of kubectl's for each. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Place } from './names.ts';
import type { Credentials } from './node/settings.ts';

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export interface Asker {
  /** On the host's loopback. */
  readonly port: number;
  /** PEM. */
  readonly authority: string;
  readonly credentials: Credentials;
}

export interface Question {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  /** Of the body; JSON unless told. */
  readonly type?: string;
}

/** Rejects where nobody answers within 30 s; any status is an answer. */
export async function ask(
  { port, authority, credentials }: Asker,
  { method = 'GET', path, body, type = 'application/json' }: Question,
): Promise<Reply> {
  const login =
    'token' in credentials
      ? { headers: { authorization: `Bearer ${credentials.token}` } }
      : { cert: credentials.certificate, key: credentials.key };
  return await new Promise((answered, failed) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        ca: authority,
        agent: false,
        timeout: 30_000,
        ...login,
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
    asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path} in 30 s`)));
    asked.on('error', failed);
    if (body !== undefined) asked.setHeader('content-type', type);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A GET as the cluster's administrator. */
export async function get(at: Place, port: number, path: string): Promise<Reply> {
  const file = (name: string): string =>
    readFileSync(join(at.state, 'layer/etc/kubernetes', name), 'utf8');
  const credentials = { certificate: file('admin.crt'), key: file('admin.key') };
  return await ask({ port, authority: file('ca.crt'), credentials }, { path });
}
