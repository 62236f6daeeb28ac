/**
 * Alertmanager, by its API v2. It groups, repeats and silences itself; it is told of what goes on again and again, as
 * Prometheus does, and holds for over what nobody tells it of any more.
 */

import type { AlertmanagerRoute } from '#api/alerts.ts';
import { asciiJson } from '#api/escape.ts';
import type { Answer } from '#delivery/answer.ts';
import { type Message, titleOf } from '../message.ts';
import { type AlertRow, destinationText, rowLine } from '../row.ts';
import { Posts } from './posting.ts';
import type { AlertReceiver, ReadKey } from './receiver.ts';

/** ms between two times that it is told of what goes on. */
export const INSIST = 60_000;
/** Not heard of for so long, it is over: an operator that dies leaves nothing open. ms */
const FORGOTTEN = 5 * INSIST;

export class Alertmanager implements AlertReceiver {
  readonly #route: AlertmanagerRoute;
  readonly #readKey: ReadKey;
  readonly #posts = new Posts();

  constructor(route: AlertmanagerRoute, readKey: ReadKey) {
    this.#route = route;
    this.#readKey = readKey;
  }

  async deliver(message: Message, signal: AbortSignal): Promise<Answer> {
    const { url, authorizationKey } = this.#route;
    const authorization = authorizationKey && (await this.#readKey(authorizationKey));
    return this.#posts.post(
      {
        url: `${url.replace(/\/+$/, '')}/api/v2/alerts`,
        headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
        body: alertmanagerBody(message),
        now: message.time,
      },
      signal,
    );
  }

  close(): void {
    this.#posts.close();
  }
}

export function alertmanagerBody(message: Message): string {
  const { firing, resolved, more, time, test } = message;
  const later = iso(time + FORGOTTEN);
  return asciiJson([
    ...firing.map((row) => alert(message, row, later)),
    ...resolved.map((row) => alert(message, row, iso(time))),
    ...(test || more.attempts > 0
      ? [
          {
            labels: {
              alertname: test ? 'TorwachtTest' : 'TorwachtManyDestinations',
              severity: test ? 'none' : 'warning',
              binding: message.binding,
            },
            annotations: { summary: titleOf(message) },
            startsAt: iso(time),
            endsAt: test ? iso(time + INSIST) : later,
          },
        ]
      : []),
  ]);
}

/** Labels say which alert it is; what changes from attempt to attempt is in annotations. */
function alert(message: Message, row: AlertRow, endsAt: string) {
  const { project_id, job_name, action, job_url } = row;
  const said = { project_id, job_name, namespace: row.namespace };
  return {
    labels: {
      alertname: action === 'block' ? 'TorwachtEgressRefused' : 'TorwachtEgressObserved',
      severity: 'warning',
      binding: message.binding,
      destination: destinationText(row),
      ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null)),
    },
    annotations: {
      summary: titleOf({
        ...message,
        firing: [row],
        resolved: [],
        more: { groups: 0, attempts: 0 },
      }),
      description: rowLine(row),
    },
    startsAt: row.first_seen,
    endsAt,
    ...(job_url === null ? {} : { generatorURL: job_url }),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
