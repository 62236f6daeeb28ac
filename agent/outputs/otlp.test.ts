import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { egressEventSchema } from '#api/event.ts';
import { page } from '#cli/docs/blocks.ts';
import type { Answer } from '#delivery/answer.ts';
import { Poster } from '#delivery/post.ts';
import { openReceiver, type Reaction } from '#delivery/testing/receiver.ts';
import { logsUrl, Otlp } from './otlp.ts';
import { attributesOf, encodeLogs } from './otlp-record.ts';
import { rowOf } from './testing/rows.ts';

const GO = new AbortController().signal;
const batch = { instance: 'i', events: [{ seq: 3, event: rowOf() }] };

test('a record is what OTLP and the conventions ask for', () => {
  const text = (stringValue: string) => ({ stringValue });
  const number = (intValue: string) => ({ intValue });
  const attributes = (values: Record<string, object>) =>
    Object.entries(values).map(([key, value]) => ({ key, value }));
  assert.deepEqual(encodeLogs(batch, { version: '1.2.3', host: 'node-1', now: 1_000 }), {
    resourceLogs: [
      {
        resource: {
          attributes: attributes({
            'service.name': text('torwacht-agent'),
            'service.version': text('1.2.3'),
            'service.instance.id': text('i'),
            'host.name': text('node-1'),
          }),
        },
        scopeLogs: [
          {
            scope: { name: 'torwacht', version: '1.2.3' },
            logRecords: [
              {
                timeUnixNano: '1767323045678000000',
                observedTimeUnixNano: '1000000000',
                severityNumber: 13,
                severityText: 'WARN',
                eventName: 'torwacht.egress',
                body: text('block evil.example:8000 by node'),
                attributes: attributes({
                  'log.record.uid': text('i.3'),
                  'process.pid': number('77'),
                  'process.executable.name': text('node'),
                  'process.executable.path': text('/usr/bin/node'),
                  'process.command_line': text('node setup.js'),
                  'process.real_user.id': number('1000'),
                  'process.parent_pid': number('76'),
                  'torwacht.process.parent_name': text('npm'),
                  'torwacht.process.ancestry': {
                    arrayValue: { values: [text('sh[5]'), text('npm[76]')] },
                  },
                  'destination.address': text('evil.example'),
                  'destination.port': number('8000'),
                  'network.peer.address': text('192.0.2.1'),
                  'network.peer.port': number('8000'),
                  'network.transport': text('tcp'),
                  'k8s.namespace.name': text('ci'),
                  'k8s.pod.name': text('runner-1'),
                  'k8s.container.name': text('build'),
                  'cicd.pipeline.task.name': text('install'),
                  'torwacht.project.id': text('42'),
                  'torwacht.target': text('t'),
                  'torwacht.action': text('block'),
                  'torwacht.reason': text('default'),
                  'torwacht.rule': text('default'),
                  'torwacht.protocol': text('tcp'),
                  'torwacht.row.id': text('row'),
                  'torwacht.count': number('1'),
                  'torwacht.added': number('1'),
                  'torwacht.last_seen': text('2026-01-02T03:04:06.000Z'),
                  'torwacht.version': number('1'),
                }),
              },
            ],
          },
        ],
      },
    ],
  });
});

test('a look-up has its question, and no peer', () => {
  const lookup = rowOf({ ip: null, port: null, protocol: null });
  const attributes = attributesOf(lookup);
  assert.equal(attributes['dns.question.name'], 'evil.example');
  assert.equal(attributes['network.peer.address'], null);
  assert.equal(attributes['destination.address'], 'evil.example');
});

test('docs/events.md maps every field, to the names that are sent', () => {
  const { text } = page('docs/events.md');
  const mapped = text.slice(text.indexOf('## OpenTelemetry'));
  for (const name of Object.keys(attributesOf(rowOf()))) {
    assert.ok(mapped.includes(`\`${name}\``), `${name} is not explained`);
  }
  for (const field of Object.keys(egressEventSchema.shape)) {
    assert.match(mapped, new RegExp(`^\\| \`${field}\``, 'm'), `${field} is not mapped`);
  }
});

async function answerTo(reaction: Reaction): Promise<Answer> {
  const receiver = await openReceiver(() => reaction);
  const options = { headersFile: undefined, userAgent: 'x', version: '1', host: 'h' };
  const otlp = new Otlp({ ...options, poster: new Poster(receiver.url), now: () => 0 });
  try {
    return await otlp.deliver(batch, GO);
  } finally {
    otlp.close();
    await receiver.close();
  }
}

test('what is tried again is what OTLP lets be tried again', async () => {
  for (const status of [429, 502, 503, 504]) {
    const reaction = { status, headers: { 'retry-after': '3' } };
    const why = `it answers ${status}`;
    assert.deepEqual(await answerTo(reaction), { kind: 'later', why, after: 3000 });
  }
  for (const status of [400, 401, 404, 500]) {
    assert.deepEqual(await answerTo({ status }), { kind: 'refused', why: `it answers ${status}` });
  }
});

test('records that are refused one by one are counted, and the reason is shown in letters', async () => {
  const partialSuccess = { rejectedLogRecords: '1', errorMessage: 'bad\u001b[31m' };
  assert.deepEqual(await answerTo({ status: 200, body: JSON.stringify({ partialSuccess }) }), {
    ...{ kind: 'taken', refused: 1 },
    why: 'it refuses 1 rows: bad\\x1b[31m',
  });
  for (const body of ['', '{}', 'null', '\u0000protobuf', '{"partialSuccess":{}}']) {
    assert.deepEqual(await answerTo({ status: 200, body }), { kind: 'taken', refused: 0 });
  }
});

test('headers come from a file that is read each time', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-otlp-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const receiver = await openReceiver();
  t.after(() => receiver.close());
  const headersFile = join(folder, 'headers');
  const options = { headersFile, userAgent: 'x', version: '1', host: 'h', now: () => 0 };
  const otlp = new Otlp({ ...options, poster: new Poster(logsUrl(receiver.url)) });
  t.after(() => otlp.close());
  for (const token of ['one', 'two']) {
    writeFileSync(headersFile, `Authorization: Bearer ${token}\nX-Scope: a:b\n`);
    await otlp.deliver(batch, GO);
    const { headers, url } = receiver.received.at(-1) ?? assert.fail();
    assert.equal(headers.authorization, `Bearer ${token}`);
    assert.equal(headers['x-scope'], 'a:b');
    assert.equal(url, '/in/v1/logs');
  }
});

test('an endpoint is the collector, or where logs go already', () => {
  for (const [given, used] of [
    ['http://c:4318', 'http://c:4318/v1/logs'],
    ['http://c:4318/', 'http://c:4318/v1/logs'],
    ['https://c/otlp?x=1', 'https://c/otlp/v1/logs?x=1'],
    ['https://c/v1/logs', 'https://c/v1/logs'],
  ] as const) {
    assert.equal(logsUrl(new URL(given)).href, used);
  }
});
