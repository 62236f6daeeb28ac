/** What an HTTP(S) listener of a sink answers: a fixed reply, a file, or what git says of a repository. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { dirname, join, normalize } from 'node:path';

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** What it may be made from, in this order. */
export interface Answering {
  /** By `METHOD /path`, where `*` stands for every other request. */
  readonly replies?: Readonly<Record<string, Reply>>;
  /** Bare repositories below it are served by git's own program: the smart protocol. */
  readonly git?: string;
  /** Files below it are served. A file that is PUT is kept there. */
  readonly folder?: string;
}

export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function answer(from: Answering, asked: Asked): Promise<Reply> {
  const { method, path } = asked;
  const fixed = from.replies?.[`${method} ${path}`];
  if (fixed !== undefined) return fixed;
  if (from.git !== undefined) return await askGit(from.git, asked);
  if (from.folder !== undefined) return file(from.folder, asked);
  return from.replies?.['*'] ?? { body: 'ok\n' };
}

function file(folder: string, { method, path, body }: Asked): Reply {
  // `normalize` of an absolute path never leaves its root.
  const place = join(folder, normalize(decodeURIComponent(path.split('?')[0] ?? '/')));
  if (method === 'PUT') {
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, body);
    return { status: 201 };
  }
  if (statSync(place, { throwIfNoEntry: false })?.isFile() !== true) {
    return { status: 404, body: 'not found\n' };
  }
  const headers = { 'content-type': 'application/octet-stream' };
  return { headers, body: readFileSync(place) };
}

/** git-http-backend(1) is a CGI program (RFC 3875). */
async function askGit(root: string, { method, path, headers, body }: Asked): Promise<Reply> {
  const [place = '', query = ''] = path.split('?');
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      CONTENT_TYPE: headers['content-type'] ?? '',
      CONTENT_LENGTH: String(body.length),
      REQUEST_METHOD: method,
      PATH_INFO: place,
      QUERY_STRING: query,
      REMOTE_ADDR: '203.0.113.254',
    },
  });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(body);
  await once(child, 'close');
  return cgi(Buffer.concat(said));
}

function cgi(output: Buffer): Reply {
  const end = output.indexOf('\r\n\r\n');
  const fields = Object.fromEntries(
    output
      .subarray(0, Math.max(0, end))
      .toString('latin1')
      .split('\r\n')
      .map((line) => [line.split(':')[0]?.toLowerCase() ?? '', line.replace(/^[^:]*:\s*/, '')]),
  );
  const { status = end === -1 ? '500' : '200', ...headers } = fields;
  return { status: Number.parseInt(status, 10), headers, body: output.subarray(end + 4) };
}
