/** Questions to the API server without a process of kubectl's for each: for waiting on it. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Place } from './names.ts';

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** A GET as the cluster's administrator. Rejects where nobody answers. */
export async function get(at: Place, port: number, path: string): Promise<Reply> {
  const file = (name: string): Buffer => readFileSync(join(at.state, 'layer/etc/kubernetes', name));
  return await new Promise((answered, failed) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path,
        ca: file('ca.crt'),
        cert: file('admin.crt'),
        key: file('admin.key'),
        agent: false,
        timeout: 5000,
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => answered({ status: response.statusCode ?? 0, body }));
        response.on('error', failed);
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`no answer to GET ${path} within 5 s`)));
    asked.on('error', failed);
    asked.end();
  });
}
