/** Texts that a job chose cannot become anything but text, whatever gets the message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forgeries, hostile, messageOf } from '../testing/rows.ts';
import { alertmanagerBody } from './alertmanager.ts';
import { mailOf } from './email.ts';
import { slackBody } from './slack.ts';
import { webhookBody } from './webhook.ts';

const LINK = 'https://gitlab.example/projects/42';
const mailboxes = { from: 'torwacht@ci.example', to: ['oncall@ci.example'] };

interface Node {
  readonly type?: string;
  readonly text?: unknown;
  readonly url?: string;
  readonly elements?: readonly Node[];
}

/** Every element of Slack's blocks. */
function nodesOf(value: unknown): readonly Node[] {
  if (Array.isArray(value)) return value.flatMap(nodesOf);
  if (typeof value !== 'object' || value === null) return [];
  return [value as Node, ...Object.values(value).flatMap(nodesOf)];
}

for (const text of forgeries) {
  const message = messageOf(hostile(text));
  const shown = JSON.stringify(text);

  test(`Slack shows ${shown} as it is`, () => {
    const body = slackBody(message);
    assert.match(body, /^[ -~]+$/);
    const { text: fallback, blocks } = JSON.parse(body) as { text: string; blocks: unknown };
    assert.match(fallback, /^`[^`<>]*`$/, 'one code span, without links and mentions');
    for (const { type, url } of nodesOf(blocks)) {
      assert.notEqual(type, 'mrkdwn');
      if (type === 'link') assert.equal(url, LINK);
    }
    const lines = nodesOf(blocks)
      .filter(({ type }) => type === 'rich_text_preformatted')
      .flatMap(({ elements = [] }) => elements.map((one) => String(one.text).split('\n')));
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.length, 1, 'one line');
    fieldsAreOurs(lines[0]?.[0] ?? '');
  });

  test(`mail shows ${shown} as it is`, async () => {
    const { subject, text: plain, html, headers, ...mail } = mailOf(message, mailboxes);
    assert.match(subject, /^[ -~]{1,150}$/);
    assert.deepEqual(mail.to, ['oncall@ci.example']);
    assert.deepEqual(Object.keys(headers), ['Auto-Submitted', 'X-Torwacht-Binding']);
    assert.deepEqual(
      html.match(/<[^>]*>/g)?.filter((tag) => !/^<\/?(p|b|pre)>$/.test(tag)),
      [`<a href="${LINK}">`, '</a>'],
    );
    assert.deepEqual(linksIn(plain), [LINK]);
    assert.deepEqual(linksIn(html), [LINK]);
    assert.equal(plain.split('\n').filter((line) => line.startsWith('project_id=')).length, 1);
    assert.match(plain, /^[ -~\n]+$/);
  });

  test(`JSON of ${shown} is JSON with that text`, () => {
    for (const body of [webhookBody(message), alertmanagerBody(message)]) {
      assert.match(body, /^[ -~]+$/);
      JSON.parse(body);
    }
    const { firing } = JSON.parse(webhookBody(message)) as { firing: Record<string, unknown>[] };
    assert.equal(firing.length, 1);
    assert.equal(firing[0]?.action, 'block');
    const alerts = JSON.parse(alertmanagerBody(message)) as { labels: Record<string, string> }[];
    assert.equal(alerts.length, 1);
    assert.deepEqual(Object.keys(alerts[0]?.labels ?? {}).sort(), [
      ...['alertname', 'binding', 'destination', 'job_name', 'namespace'],
      ...['project_id', 'severity'],
    ]);
  });
}

/** Each name of a field once, so that no value has begun another one. */
function fieldsAreOurs(line: string): void {
  const names = line.split(' ').map((part) => part.split('=', 1)[0]);
  assert.equal(new Set(names).size, names.length, line);
  assert.ok(names.includes('action') && line.includes('action=block'), line);
}

/** What a mail program would make a link of. */
function linksIn(text: string): readonly string[] {
  const found = text.match(/\b(?:[a-z]+:\/\/[^\s"<]+|www\.\S+|[\w-]+(?:\.[\w-]+)+|\S+@\S+\.\S+)/gi);
  return [...new Set(found ?? [])];
}

test('the tests can fail: an honest domain would be a link, where it is not written apart', () => {
  assert.deepEqual(linksIn('domain=evil.example'), ['evil.example']);
  assert.throws(() => fieldsAreOurs('action=block job_name=x action=allow'));
});
