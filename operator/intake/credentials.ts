/** The server's certificate, which changes while it serves. */
import { ServerCredentials } from '@grpc/grpc-js';
import type { Issued } from '#kube/certificates/issue.ts';

/** TLS 1.3 alone: both ends are ours. */
const MINIMUM = 'TLSv1.3';

export class KeptCredentials extends ServerCredentials {
  constructor(pair: Issued) {
    super({}, contextOf(pair));
  }

  /** For connections from now on; those that are there go on. */
  use(pair: Issued): void {
    this.updateSecureContextOptions(contextOf(pair));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ certificate, key }: Issued) {
  return { cert: certificate, key, minVersion: MINIMUM } as const;
}
