/**
 * Authorities of a company's own, for the certificates of receivers and databases, beside those that Node knows. A
 * connection that names its authorities itself (to the API server, between our own parts) does not see them.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** ms; a kubelet brings a changed ConfigMap within about as long. */
const EVERY = 60_000;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export interface AuthorityLog {
  /** What the file holds now is trusted. */
  taken(certificates: number): void;
  /** It cannot be used; what was trusted before is trusted on. Told once for each reason. */
  failed(error: Error): void;
}

export class Authorities {
  readonly #path: string;
  readonly #log: AuthorityLog;
  readonly #known = getCACertificates('default');
  #text: string | undefined;
  #fault = '';
  #timer: NodeJS.Timeout | undefined;

  /** @param path of a file of certificates in PEM, one after the other */
  constructor(path: string, log: AuthorityLog) {
    this.#path = path;
    this.#log = log;
  }

  /** Reads it now, and from time to time: a certificate that is replaced needs no restart. */
  follow(): void {
    this.read();
    this.#timer = setInterval(() => this.read(), EVERY).unref();
  }

  /** For new connections; those that are open stay. */
  read(): void {
    try {
      const text = readFileSync(this.#path, 'utf8');
      if (text === this.#text) return;
      const certificates = certificatesOf(text);
      setDefaultCACertificates([...this.#known, ...certificates]);
      this.#text = text;
      this.#fault = '';
      this.#log.taken(certificates.length);
    } catch (error) {
      const fault = error as Error;
      if (fault.message === this.#fault) return;
      this.#fault = fault.message;
      this.#log.failed(fault);
    }
  }

  /** Node's own alone are trusted again. */
  close(): void {
    clearInterval(this.#timer);
    setDefaultCACertificates(this.#known);
  }
}

/** @throws Error where it holds none, or one that is none; nothing of it is used then */
export function certificatesOf(text: string): readonly string[] {
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new Error('it holds no certificate in PEM');
  for (const [index, pem] of found.entries()) {
    try {
      new X509Certificate(pem);
    } catch (cause) {
      throw new Error(`certificate ${index + 1} in it cannot be read`, { cause });
    }
  }
  return found;
}
