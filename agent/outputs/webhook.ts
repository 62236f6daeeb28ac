/**
 * A generic webhook: batches as JSON, signed as standardwebhooks.com has it, so that receivers find a library that
 * verifies. `webhook-id` is the same for each try of a batch.
 */
import { readFile } from 'node:fs/promises';
import { asciiJson } from '#api/escape.ts';
import { type Answer, answerOf } from '#delivery/answer.ts';
import type { Poster } from '#delivery/post.ts';
import { sign } from '#delivery/sign.ts';
import type { Batch, Receiver } from './output.ts';

export interface WebhookOptions {
  readonly poster: Poster;
  /** Of the secret; read for each batch, so that it can be replaced. Undefined: batches are not signed. */
  readonly secretFile: string | undefined;
  readonly userAgent: string;
  /** Wall time, ms. */
  now(): number;
}

export class Webhook implements Receiver {
  readonly #options: WebhookOptions;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  async deliver({ instance, events }: Batch, signal: AbortSignal): Promise<Answer> {
    const { poster, secretFile, userAgent, now } = this.#options;
    const id = `${instance}.${events[0]?.seq}-${events.at(-1)?.seq}`;
    const body = asciiJson({ version: 1, instance, events });
    const timestamp = String(Math.floor(now() / 1000));
    const headers = {
      'content-type': 'application/json',
      'user-agent': userAgent,
      'webhook-id': id,
      'webhook-timestamp': timestamp,
    };
    const secret = secretFile && (await readFile(secretFile, 'utf8')).trim();
    const signed = secret && { 'webhook-signature': sign(secret, { id, timestamp, body }) };
    return answerOf(await poster.post({ ...headers, ...signed }, body, signal), now());
  }

  close(): void {
    this.#options.poster.close();
  }
}
