/** A webhook of any kind: JSON, signed as the agent's are (Standard Webhooks). */

import type { WebhookRoute } from '#api/alerts.ts';
import { asciiJson } from '#api/escape.ts';
import type { Answer } from '#delivery/answer.ts';
import { sign } from '#delivery/sign.ts';
import { type Message, titleOf } from '../message.ts';
import { Posts } from './posting.ts';
import type { AlertReceiver, ReadKey } from './receiver.ts';

export class Webhook implements AlertReceiver {
  readonly #route: WebhookRoute;
  readonly #readKey: ReadKey;
  readonly #posts = new Posts();

  constructor(route: WebhookRoute, readKey: ReadKey) {
    this.#route = route;
    this.#readKey = readKey;
  }

  async deliver(message: Message, signal: AbortSignal): Promise<Answer> {
    const { url, signingKey } = this.#route;
    const { id, time: now } = message;
    const body = webhookBody(message);
    const timestamp = String(Math.floor(now / 1000));
    const signed = signingKey && {
      'webhook-signature': sign(await this.#readKey(signingKey), { id, timestamp, body }),
    };
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      ...signed,
    };
    return this.#posts.post({ url, headers, body, now }, signal);
  }

  close(): void {
    this.#posts.close();
  }
}

export function webhookBody(message: Message): string {
  const { firing, resolved, more, binding, route, time, test } = message;
  return asciiJson({
    version: 1,
    type: test ? 'test' : 'alert',
    time: new Date(time).toISOString(),
    binding,
    route,
    title: titleOf(message),
    firing,
    resolved,
    more,
  });
}
