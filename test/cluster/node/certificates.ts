/**
 * The keys and certificates of a cluster, by openssl: one authority, and for each program of the node
 * the name by which Kubernetes' own RBAC rules know it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from '../../lab/execute.ts';

export interface Subject {
  /** Files are `<file>.crt` and `<file>.key`. */
  readonly file: string;
  readonly user: string;
  readonly groups?: readonly string[];
  /** A server's names and addresses, as openssl writes them: `DNS:x`, `IP:y`. */
  readonly names?: readonly string[];
}

/** Writes `ca.crt`, `ca.key`, `sa.key`, `sa.pub` and those of the subjects into `folder`. */
export function writeCertificates(folder: string, subjects: readonly Subject[]): void {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): string => execute('openssl', args);
  writeKey(folder, 'ca');
  openssl(
    ...['req', '-x509', '-new', '-key', at('ca.key'), '-out', at('ca.crt'), '-days', '3650'],
    ...['-subj', '/CN=torwacht-test-cluster', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  );
  // Tokens of service accounts are signed with a key of their own.
  writeKey(folder, 'sa');
  openssl('pkey', '-in', at('sa.key'), '-pubout', '-out', at('sa.pub'));
  for (const subject of subjects) signCertificate(folder, subject);
}

/** The same for one more, by the authority that is in `folder`. */
export function signCertificate(folder: string, { file, user, groups, names }: Subject): void {
  const at = (name: string): string => join(folder, name);
  writeKey(folder, file);
  const extensions = [
    'basicConstraints=CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=clientAuth,serverAuth',
    ...(names === undefined ? [] : [`subjectAltName=${names.join(',')}`]),
  ];
  writeFileSync(at(`${file}.ext`), `${extensions.join('\n')}\n`);
  const organisations = (groups ?? []).map((group) => `/O=${group}`).join('');
  const request = ['req', '-new', '-key', at(`${file}.key`), '-out', at(`${file}.csr`)];
  execute('openssl', [...request, '-subj', `${organisations}/CN=${user}`]);
  execute('openssl', [
    ...['x509', '-req', '-in', at(`${file}.csr`), '-CA', at('ca.crt'), '-CAkey', at('ca.key')],
    ...['-CAcreateserial', '-days', '3650', '-extfile', at(`${file}.ext`)],
    ...['-out', at(`${file}.crt`)],
  ]);
}

function writeKey(folder: string, name: string): void {
  const curve = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  execute('openssl', ['genpkey', ...curve, '-out', join(folder, `${name}.key`)]);
}
