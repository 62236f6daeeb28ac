/**
 * Incoming webhooks of Slack. Rows stand in preformatted blocks, which Slack reads as they are; `text`, for
 * notifications and for what takes the same but knows no blocks, has all that a job chose in code spans.
 */

import type { SlackRoute } from '#api/alerts.ts';
import { asciiJson, slackText } from '#api/escape.ts';
import type { Answer } from '#delivery/answer.ts';
import { linkOf, type Message, moreText, titleOf } from '../message.ts';
import { rowLine } from '../row.ts';
import { Posts } from './posting.ts';
import type { AlertReceiver, ReadKey } from './receiver.ts';

/** Characters of one row. Slack refuses messages whose blocks are too long. */
const LONGEST_ROW = 500;

export class Slack implements AlertReceiver {
  readonly #route: SlackRoute;
  readonly #readKey: ReadKey;
  readonly #posts = new Posts();

  constructor(route: SlackRoute, readKey: ReadKey) {
    this.#route = route;
    this.#readKey = readKey;
  }

  async deliver(message: Message, signal: AbortSignal): Promise<Answer> {
    const url = await this.#readKey(this.#route.urlKey);
    const headers = { 'content-type': 'application/json' };
    const body = slackBody(message);
    return this.#posts.post({ url, headers, body, now: message.time }, signal);
  }

  close(): void {
    this.#posts.close();
  }
}

export function slackBody(message: Message): string {
  const { firing, resolved, binding } = message;
  const title = titleOf(message);
  const link = linkOf(message);
  const more = moreText(message);
  return asciiJson({
    text: `\`${slackText(title)}\``,
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      plain(title),
      ...(firing.length === 0 ? [] : [preformatted(firing.map(line))]),
      ...(resolved.length === 0
        ? []
        : [plain('No more attempts at:'), preformatted(resolved.map(line))]),
      ...(more === '' ? [] : [plain(more)]),
      ...(link === null ? [] : [linked(link)]),
      { type: 'context', elements: [{ type: 'plain_text', text: `RunnerBinding ${binding}` }] },
    ],
  });
}

function line(row: Message['firing'][number]): string {
  const text = rowLine(row);
  return text.length > LONGEST_ROW ? `${text.slice(0, LONGEST_ROW - 3)}...` : text;
}

/** Not read as markup. */
function plain(text: string) {
  return { type: 'section', text: { type: 'plain_text', text, emoji: false } };
}

function preformatted(lines: readonly string[]) {
  const text = { type: 'text', text: lines.join('\n') };
  return { type: 'rich_text', elements: [{ type: 'rich_text_preformatted', elements: [text] }] };
}

/** The one link is an address of ours on the binding's GitLab, and stands in a field for addresses. */
function linked(url: string) {
  const element = { type: 'link', url, text: 'Open it in GitLab' };
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [element] }] };
}
