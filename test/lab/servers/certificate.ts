/** TLS certificates for a lab's servers, made by openssl: self-signed, so each is its own authority. */
import { isIP } from 'node:net';
import { execute } from '../execute.ts';
import type { Lab } from '../lab.ts';
import { freePath } from './start.ts';

/** Paths of PEM files. */
export interface Certificate {
  readonly key: string;
  /** Servers show it, clients trust it (NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, CURL_CA_BUNDLE). */
  readonly cert: string;
}

/** One certificate for all of these names and addresses. @throws TW_LAB_COMMAND */
export function makeCertificate(lab: Lab, names: readonly string[]): Certificate {
  const [key, cert] = [freePath(lab, 'key.pem'), freePath(lab, 'cert.pem')];
  const alternatives = names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-subj', '/CN=twlab', '-addext', `subjectAltName=${alternatives.join(',')}`];
  const args = ['-x509', ...newKey, '-days', '2', ...subject, '-keyout', key, '-out', cert];
  execute('openssl', ['req', ...args]);
  return { key, cert };
}
