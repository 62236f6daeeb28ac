/** E-mail, by SMTP. What a job chose stands in the body and the subject alone, and never looks like a link. */
import { createTransport } from 'nodemailer';
import type { EmailRoute } from '#api/alerts.ts';
import { htmlText, shownText, unlinkedText } from '#api/escape.ts';
import type { Answer } from '#delivery/answer.ts';
import { linkOf, type Message, moreText, titleOf } from '../message.ts';
import { type AlertRow, rowLine } from '../row.ts';
import type { AlertReceiver, ReadKey } from './receiver.ts';

/** For each step of a delivery, ms. */
const TIMEOUT = 10_000;
/** Characters of a subject. */
const LONGEST_SUBJECT = 150;
/** Replies that would be the same again (RFC 5321, 4.2.3): mailboxes and content, not who logs in. */
const REFUSED: ReadonlySet<number> = new Set([550, 551, 552, 553, 554]);

export class Email implements AlertReceiver {
  readonly #route: EmailRoute;
  readonly #readKey: ReadKey;

  constructor(route: EmailRoute, readKey: ReadKey) {
    this.#route = route;
    this.#readKey = readKey;
  }

  async deliver(message: Message, signal: AbortSignal): Promise<Answer> {
    const transport = await this.#open();
    const stop = () => transport.close();
    signal.addEventListener('abort', stop);
    try {
      signal.throwIfAborted();
      const { rejected } = await transport.sendMail(mailOf(message, this.#route));
      if (rejected.length === 0) return { kind: 'taken', refused: 0 };
      return { kind: 'taken', refused: 0, why: `${rejected.length} of its mailboxes refuse` };
    } catch (error) {
      return answerTo(error);
    } finally {
      signal.removeEventListener('abort', stop);
      transport.close();
    }
  }

  async #open() {
    const { server, tls, username, passwordKey } = this.#route;
    const at = server.lastIndexOf(':');
    const auth =
      username === undefined || passwordKey === undefined
        ? undefined
        : { user: username, pass: await this.#readKey(passwordKey) };
    return createTransport({
      host: server.slice(0, at),
      port: Number(server.slice(at + 1)),
      secure: tls === 'TLS',
      requireTLS: tls === 'StartTLS',
      ignoreTLS: tls === 'None',
      ...(auth === undefined ? {} : { auth }),
      connectionTimeout: TIMEOUT,
      greetingTimeout: TIMEOUT,
      socketTimeout: TIMEOUT,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  close(): void {}
}

function answerTo(error: unknown): Answer {
  const { responseCode, code } = error as { responseCode?: number; code?: string };
  // What the server says beside its number may hold what was sent to it.
  const why = responseCode === undefined ? (code ?? 'no answer') : `it answers ${responseCode}`;
  return responseCode !== undefined && REFUSED.has(responseCode)
    ? { kind: 'refused', why }
    : { kind: 'later', why };
}

export function mailOf(message: Message, { from, to }: Pick<EmailRoute, 'from' | 'to'>) {
  const { id, binding, time } = message;
  const subject = shownText(titleOf(message)).slice(0, LONGEST_SUBJECT);
  return {
    from: { name: 'Torwacht', address: from },
    to: [...to],
    subject,
    date: new Date(time),
    messageId: `<${id}@torwacht>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Torwacht-Binding': binding },
    text: textOf(message),
    html: htmlOf(message),
  };
}

function textOf(message: Message): string {
  const { firing, resolved, binding } = message;
  const link = linkOf(message);
  const lines = (rows: readonly AlertRow[]) => rows.map((row) => unlinkedText(rowLine(row)));
  return [
    unlinkedText(titleOf(message)),
    '',
    ...lines(firing),
    ...(resolved.length === 0 ? [] : ['', 'No more attempts at:', ...lines(resolved)]),
    moreText(message),
    ...(link === null ? [] : [`Open it in GitLab: ${link}`]),
    `RunnerBinding ${unlinkedText(binding)}`,
    '',
  ].join('\n');
}

function htmlOf(message: Message): string {
  const { firing, resolved, binding } = message;
  const link = linkOf(message);
  const rows = (list: readonly AlertRow[]) =>
    `<pre>${list.map((row) => htmlText(unlinkedText(rowLine(row)))).join('\n')}</pre>`;
  return [
    `<p><b>${htmlText(unlinkedText(titleOf(message)))}</b></p>`,
    firing.length === 0 ? '' : rows(firing),
    resolved.length === 0 ? '' : `<p>No more attempts at:</p>${rows(resolved)}`,
    `<p>${htmlText(moreText(message))}</p>`,
    link === null ? '' : `<p><a href="${htmlText(link)}">Open it in GitLab</a></p>`,
    `<p>RunnerBinding ${htmlText(unlinkedText(binding))}</p>`,
  ].join('\n');
}
