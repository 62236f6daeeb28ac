import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ViolationSpec } from '#api/violation.ts';
import type { StoredRow } from '../violations/entry.ts';
import { folded, merged } from '../violations/merge.ts';
import { rowOf } from '../violations/testing/rows.ts';
import { MOST_RESULTS, reportOf } from './report.ts';

const from = { node: 'n1', now: Date.parse('2026-02-01T00:00:00Z') };

const stored = (name: string, spec: ViolationSpec): StoredRow =>
  ({ metadata: { namespace: 'ci', name }, spec }) as StoredRow;
const one = (name: string, change: Parameters<typeof rowOf>[0] = {}): StoredRow =>
  stored(name, merged(undefined, rowOf(change), from));

test('a row is a result: who, where, how often, why, and all of it by name', () => {
  const { results, summary, scope, metadata } = reportOf('ci', [
    one('install-1', { count: 3, added: 3, policy: 'ci/web', rule: 'EgressPolicy ci/web deny[0]' }),
  ]);
  assert.deepEqual(summary, { pass: 0, fail: 1, warn: 0, error: 0, skip: 0 });
  assert.deepEqual(scope, { apiVersion: 'v1', kind: 'Namespace', name: 'ci' });
  assert.equal(metadata.namespace, 'ci');
  assert.deepEqual(results, [
    {
      ...{ policy: 'ci/web', rule: 'EgressPolicy ci/web deny[0]', category: 'egress' },
      ...{ severity: 'medium', result: 'fail', scored: true },
      timestamp: { seconds: Date.parse('2026-01-02T03:04:06Z') / 1000, nanos: 0 },
      message:
        'node of job install of project 42: refused evil.example:8000/tcp, 3 times (default)',
      resources: [{ apiVersion: 'v1', kind: 'Pod', namespace: 'ci', name: 'runner-1' }],
      properties: {
        ...{ violation: 'install-1', project: '42', job: 'install', process: 'node' },
        ...{ parent: 'npm', executable: '/usr/bin/node', action: 'block' },
        ...{ destination: 'evil.example', address: '192.0.2.1', port: '8000', protocol: 'tcp' },
        ...{ reason: 'default', count: '3' },
        ...{ firstSeen: '2026-01-02T03:04:05Z', lastSeen: '2026-01-02T03:04:06Z' },
      },
    },
  ]);
});

test('what no policy can allow weighs more; what was let pass is a warning', () => {
  const { results, summary } = reportOf('ci', [
    one('a', { reason: 'metadata', domain: null, ip: '169.254.169.254', port: 80 }),
    one('b', { action: 'observe' }),
    one('c'),
  ]);
  assert.deepEqual(summary, { pass: 0, fail: 2, warn: 1, error: 0, skip: 0 });
  assert.deepEqual(
    results.map(({ severity, result, scored }) => [severity, result, scored]),
    [
      ['high', 'fail', true],
      ['low', 'warn', false],
      ['medium', 'fail', true],
    ],
  );
  assert.match(results[1]?.message ?? '', /: would be refused evil\.example/);
});

test('a row that nobody knows of, and what was folded, have a sentence too', () => {
  const nobody = { comm: null, job_name: null, project_id: null, port: null, protocol: null };
  const { results } = reportOf('ci', [
    one('a', nobody),
    stored('folded', folded(undefined, rowOf({ count: 9, added: 9 }), from)),
  ]);
  assert.deepEqual(
    results.map(({ message }) => message),
    [
      'unknown process: refused evil.example, once (default)',
      'rows without a place of their own: refused (several), 9 times (folded)',
    ],
  );
  assert.equal(results[0]?.policy, 'torwacht');
});

test('the last seen stand in it, as many as there is room for; all of them are counted', () => {
  const rows = Array.from({ length: MOST_RESULTS + 7 }, (_, index) => {
    const at = new Date(Date.parse('2026-01-02T00:00:00Z') + index * 1000).toISOString();
    return one(`row-${index}`, { time: at, last_seen: at });
  });
  const { results, summary } = reportOf('ci', rows);
  assert.equal(results.length, MOST_RESULTS);
  assert.equal(summary.fail, MOST_RESULTS + 7);
  assert.equal(results[0]?.properties.violation, `row-${MOST_RESULTS + 6}`);
  assert.equal(results.at(-1)?.properties.violation, 'row-7');
});

test('in any order they give the same, and with the longest texts it stays below 1 MiB', () => {
  const rows = ['a', 'b', 'c'].map((name) => one(name, { comm: name }));
  const [text] = [JSON.stringify(reportOf('ci', rows))];
  fc.assert(
    fc.property(fc.shuffledSubarray(rows, { minLength: 3 }), (mixed) => {
      assert.equal(JSON.stringify(reportOf('ci', mixed)), text);
    }),
  );
  const long = 'x'.repeat(5000);
  const largest = {
    ...{ project_id: long, job_name: long, comm: long, parent_comm: long, exe: long, argv: long },
    ...{ domain: long, rule: long, policy: long, job_url: `https://${'x'.repeat(1000)}` },
  };
  const many = Array.from({ length: 500 }, (_, index) => one(`row-${index}`, largest));
  const bytes = Buffer.byteLength(JSON.stringify(reportOf('ci', many)));
  assert.ok(bytes < 1024 * 1024, `${bytes} bytes`);
});
