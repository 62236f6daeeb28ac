/** An authority as a company has one, and servers over TLS with certificates of it. Made by openssl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PrivateAuthority {
  /** PEM. */
  readonly certificate: string;
  /** A server at 127.0.0.1 that answers 200 to every POST that comes so far. */
  serve(): Promise<{ readonly url: URL; readonly received: string[]; close(): Promise<void> }>;
  /** Removes its files. */
  remove(): void;
}

const openssl = (folder: string, args: readonly string[]): void => {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
};
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export function makeAuthority(name: string): PrivateAuthority {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-authority-'));
  const subject = ['-subj', `/CN=${name}`, '-addext', 'keyUsage=keyCertSign'];
  const own = ['-keyout', 'ca.key', '-out', 'ca.crt'];
  openssl(folder, ['req', '-x509', ...KEY, '-days', '2', ...subject, ...own]);
  return {
    certificate: readFileSync(join(folder, 'ca.crt'), 'utf8'),
    async serve() {
      const request = ['-subj', '/CN=receiver', '-keyout', 'key', '-out', 'csr'];
      openssl(folder, ['req', '-new', ...KEY, ...request]);
      writeFileSync(join(folder, 'ext'), 'subjectAltName=IP:127.0.0.1\n');
      const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
      openssl(folder, ['x509', '-req', '-in', 'csr', ...by, '-extfile', 'ext', '-out', 'cert']);
      const read = (file: string): Buffer => readFileSync(join(folder, file));
      const received: string[] = [];
      const server: Server = createServer({ key: read('key'), cert: read('cert') });
      server.on('request', async (request_, response) => {
        const parts: Buffer[] = [];
        for await (const part of request_) parts.push(part as Buffer);
        received.push(Buffer.concat(parts).toString());
        response.end();
      });
      await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
      return {
        url: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`),
        received,
        close: () =>
          new Promise((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
