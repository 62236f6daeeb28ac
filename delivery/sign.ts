/** Signatures of webhooks, as standardwebhooks.com has them: receivers find a library that verifies. */
import { createHmac } from 'node:crypto';

export interface Signed {
  /** The same for each try of a message. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: string;
  readonly body: string;
}

/** The header `webhook-signature`. A secret is `whsec_` and base64, or any text. */
export function sign(secret: string, { id, timestamp, body }: Signed): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
