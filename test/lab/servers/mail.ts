/** A real SMTP server in the test's own process, with a certificate that this process trusts, or does not. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import * as tls from 'node:tls';
import { SMTPServer } from 'smtp-server';

export interface Mail {
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly text: string;
}

export interface MailServer {
  /** `host:port`. */
  readonly address: string;
  readonly received: Mail[];
  /** With this number it refuses what comes, where it is set. */
  refuse: number | undefined;
}

/** Takes mail of `torwacht` with the password `right`, and of who does not log in. */
export async function openMailServer(
  t: TestContext,
  { tls: offersTls = true, trusted = true } = {},
): Promise<MailServer> {
  const received: Mail[] = [];
  const own = certificate();
  if (trusted) tls.setDefaultCACertificates([...tls.getCACertificates('default'), own.cert]);
  const server = new SMTPServer({
    ...{ authOptional: true, key: own.key, cert: own.cert, logger: false },
    ...(offersTls ? {} : { disabledCommands: ['STARTTLS', 'AUTH'] }),
    onAuth({ username, password }, _session, done) {
      if (username === 'torwacht' && password === 'right') return done(null, { user: username });
      done(Object.assign(new Error('no'), { responseCode: 535 }));
    },
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => void parts.push(part));
      stream.on('end', () => {
        const { refuse } = opened;
        if (refuse !== undefined) {
          return done(Object.assign(new Error('no'), { responseCode: refuse }));
        }
        received.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          secure: session.secure,
          text: Buffer.concat(parts).toString('latin1'),
        });
        done(null);
      });
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  const opened: MailServer = { address: `localhost:${port}`, received, refuse: undefined };
  return opened;
}

/** Self-signed, for localhost. */
function certificate(): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-mail-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const files = ['-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', ...newKey, '-days', '2', ...subject, ...files], {
      stdio: 'pipe',
    });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
