/** X.509: an authority of our own, and the server's certificate. ECDSA over P-256. */
import 'reflect-metadata';
import { createPrivateKey, X509Certificate as Parsed, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Clocks differ: what is made now holds for one that is an hour behind. */
export const BACKDATED = 3600_000;

export interface Lifetime {
  /** ms since 1970. */
  readonly now: number;
  /** ms. */
  readonly lasts: number;
}

/** @param name of whoever signs, for people */
export async function issueAuthority(name: string, { now, lasts }: Lifetime): Promise<Issued> {
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    ...validity(now, lasts),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
}

/** @param names DNS names and IPv4 addresses that the server is called by */
export async function issueLeaf(
  authority: Issued,
  names: readonly string[],
  { now, lasts }: Lifetime,
): Promise<Issued> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [names[0] ?? ''] }],
    issuer: issuer.subject,
    ...validity(now, lasts),
    signingAlgorithm: algorithm,
    signingKey: await signingKey(authority.key),
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[0-9.]+$/.test(value) ? 'ip' : 'dns', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
}

function validity(now: number, lasts: number) {
  return { notBefore: new Date(now - BACKDATED), notAfter: new Date(now + lasts) };
}

function generate() {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

async function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

export interface Facts {
  /** ms since 1970. */
  readonly from: number;
  readonly until: number;
  readonly names: readonly string[];
}

/** Null where it is no certificate, or `key` is not its. */
export function factsOf({ certificate, key }: Issued): Facts | null {
  try {
    const parsed = new Parsed(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return null;
    const { validFromDate, validToDate, subjectAltName = '' } = parsed;
    return {
      from: validFromDate.getTime(),
      until: validToDate.getTime(),
      names: namesOf(subjectAltName),
    };
  } catch {
    // Neither is trusted to be what it is called: a Secret can be edited.
    return null;
  }
}

function namesOf(alternatives: string): readonly string[] {
  return alternatives
    .split(', ')
    .flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []);
}

export function isSignedBy(certificate: string, authority: string): boolean {
  const issuer = new Parsed(authority);
  const parsed = new Parsed(certificate);
  return parsed.checkIssued(issuer) && parsed.verify(issuer.publicKey);
}

/** Until when an authority holds, ms since 1970; 0 where it is none. */
export function endOf(certificate: string): number {
  try {
    return new Parsed(certificate).validToDate.getTime();
  } catch {
    return 0;
  }
}
