import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Line } from './reporter.ts';
import { slowest, tail, tally } from './tally.ts';

type Result = Extract<Line, { event: 'result' }>;

function result(fields: Partial<Result>): Line {
  return {
    event: 'result',
    outcome: 'pass',
    type: 'test',
    path: ['a name'],
    file: '/repo/dns/x.test.ts',
    skip: false,
    todo: false,
    failureType: null,
    error: null,
    ms: 0,
    ...fields,
  };
}

const failing = { outcome: 'fail', failureType: 'testCodeFailure', error: 'Error: no' } as const;

test('tests count, passing describes do not', () => {
  const counts = tally([result({}), result({ type: 'suite' }), result({})], '/repo/');
  assert.deepEqual(counts, { passed: 2, failed: [], skipped: [] });
});

test('a failed test is named by file and path, and counts once whatever it stands in', () => {
  const counts = tally(
    [
      result({ ...failing, path: ['outer', 'inner'] }),
      result({ outcome: 'fail', path: ['outer'], failureType: 'subtestsFailed', error: 'x' }),
    ],
    '/repo/',
  );
  assert.deepEqual(counts.failed, [{ name: 'dns/x.test.ts › outer › inner', output: 'Error: no' }]);
});

test('what a test has to say is kept beside the counts', () => {
  const counts = tally([{ event: 'note', text: 'of 7 cases took' }, result({})], '/repo/');
  assert.deepEqual(counts, { passed: 1, failed: [], skipped: [], notes: ['of 7 cases took'] });
});

test('files that took long are named, the longest first; what stands in a test is in its time', () => {
  const of = (file: string, ms: number, path = ['a name']) => result({ file, ms, path });
  const lines = [
    of('/repo/a', 21_000),
    of('/repo/a', 9_000, ['outer', 'inner']),
    of('/repo/a', 2_000),
  ];
  const more = [of('/repo/b', 40_000), of('/repo/c', 19_000), of('/repo/d', 59_400)];
  assert.equal(slowest([...lines, ...more], '/repo/'), 'slowest: d 59 s, b 40 s, a 23 s');
  assert.equal(slowest([of('/repo/c', 19_000)], '/repo/'), undefined);
});

test('a describe that failed by itself is a failure', () => {
  const counts = tally(
    [result({ ...failing, type: 'suite', failureType: 'hookFailed' })],
    '/repo/',
  );
  assert.equal(counts.failed.length, 1);
});

test('a file without tests has failed', () => {
  const counts = tally([result({ path: ['dns/x.test.ts'] })], '/repo/');
  assert.deepEqual(counts.failed, [{ name: 'dns/x.test.ts', output: 'This file ran no test.' }]);
});

test('skips keep their reason, tests to do are skips even when they fail', () => {
  const counts = tally(
    [
      result({ skip: 'needs root', type: 'suite' }),
      result({ skip: '' }),
      result({ ...failing, todo: 'later' }),
    ],
    '/repo/',
  );
  assert.deepEqual(
    counts.skipped.map(({ reason }) => reason),
    ['needs root', 'no reason given', 'to do: later'],
  );
  assert.equal(counts.failed.length, 0);
});

test('a failure shows what its file printed', () => {
  const counts = tally(
    [
      { event: 'output', file: 'dns/x.test.ts', text: 'hello\n' },
      { event: 'output', file: 'dns/y.test.ts', text: 'other\n' },
      result(failing),
    ],
    '/repo/',
  );
  assert.equal(counts.failed[0]?.output, 'Error: no\nOutput of the file:\nhello');
});

test('a long text is cut to its end at a line', () => {
  const text = Array.from({ length: 2000 }, (_, index) => `line ${index}`).join('\n');
  const lines = tail(text).split('\n');
  assert.equal(lines[0], '[…]');
  assert.match(lines[1] ?? '', /^line \d+$/);
  assert.equal(lines.at(-1), 'line 1999');
});
