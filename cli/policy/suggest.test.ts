import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parsePolicies } from '#policy/load.ts';
import type { SuggestFlags } from '../suggest/suggest.ts';
import { suggestFromEvents } from './suggest.ts';

const event = {
  version: 1,
  time: '2026-01-02T03:04:05.000Z',
  last_seen: '2026-01-02T03:04:05.000Z',
  action: 'observe',
  target: '0123456789ab',
  project_id: '7',
  job_name: 'build',
  pid: 77,
  comm: 'curl',
  parent_comm: 'sh',
  exe: '/usr/bin/curl',
  argv: 'curl a.example.com',
  uid: 0,
  ancestry: [{ pid: 76, comm: 'sh' }],
  domain: 'a.example.com',
  ip: '192.0.2.1',
  port: 443,
  protocol: 'tcp',
  count: 1,
  rule: 'default',
  policy: null,
  reason: 'default',
};
const lines = (...events: readonly object[]) =>
  events.map((one) => `${JSON.stringify(one)}\n`).join('');

function fileOf(t: TestContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-suggest-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'events.jsonl');
  writeFileSync(file, content);
  return file;
}

function suggest(paths: readonly string[], flags: SuggestFlags = {}) {
  let stdout = '';
  let stderr = '';
  const status = suggestFromEvents(paths, flags, {
    stdout: { write: (chunk) => (stdout += chunk) },
    stderr: { write: (chunk) => (stderr += chunk) },
    colour: false,
  });
  return { status, stdout, stderr };
}

/** What the printed document allows, and for whom. */
function printed(stdout: string) {
  const loaded = parsePolicies([{ file: '-', content: new TextEncoder().encode(stdout) }]);
  assert.deepEqual(loaded.problems, []);
  const [document] = loaded.documents;
  assert.ok(document?.kind === 'EgressPolicy');
  const { selector, allow = [] } = document.spec;
  return { selector, names: allow.flatMap(({ fqdn = [] }) => fqdn) };
}

test('events of several files become one policy', (t) => {
  const one = fileOf(t, lines(event, { ...event, count: 3 }));
  const two = fileOf(t, lines({ ...event, domain: 'b.example.com', target: 'ba9876543210' }));
  const { status, stdout, stderr } = suggest([one, two]);
  assert.equal(status, 0, stderr);
  assert.deepEqual(printed(stdout), {
    selector: { projects: ['7'], jobs: ['build'] },
    names: ['a.example.com', 'b.example.com'],
  });
  assert.match(stdout, /# curl \(sh\), 3 times\n +- a\.example\.com/);
});

test('of several jobs one can be taken; together they have no selector', (t) => {
  const other = { ...event, domain: 'b.example.com', project_id: '8', job_name: 'test' };
  const file = fileOf(t, lines(event, other));
  assert.deepEqual(printed(suggest([file]).stdout), {
    selector: undefined,
    names: ['a.example.com', 'b.example.com'],
  });
  const chosen = { selector: { projects: ['8'], jobs: ['test'] }, names: ['b.example.com'] };
  assert.deepEqual(printed(suggest([file], { job: 'test' }).stdout), chosen);
  assert.deepEqual(printed(suggest([file], { project: '8' }).stdout), chosen);
});

test('names are collapsed where that is asked for, and only below a domain', (t) => {
  const file = fileOf(t, lines(event, { ...event, domain: 'b.example.com' }));
  const { stdout } = suggest([file], { collapse: ['example.com'] });
  assert.deepEqual(printed(stdout).names, ['*.example.com']);
  const wrong = suggest([file], { collapse: ['com'] });
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /"com": it has one label/);
});

test('the log of an agent is read, and its other lines are passed over', (t) => {
  const log = { level: 30, time: 1, msg: 'egress' };
  const other = { level: 40, time: 1, msg: 'a pod could not be held', reason: 'x' };
  const file = fileOf(t, lines(other, { ...log, event }, other));
  assert.deepEqual(printed(suggest([file]).stdout).names, ['a.example.com']);
  const broken = fileOf(t, lines({ ...log, event: { ...event, reason: 'because' } }));
  assert.match(suggest([broken]).stderr, /Line 1 of .* is no event: reason: /);
});

test('of a row that came again the last one counts', (t) => {
  const first = { ...event, id: 'r', added: 1 };
  const file = fileOf(t, lines(first, { ...first, count: 9, added: 8 }));
  assert.match(suggest([file]).stdout, /# curl \(sh\), 9 times\n/);
});

test('a policy is replayed on the events', (t) => {
  const file = fileOf(t, lines(event, { ...event, domain: 'b.example.com' }));
  const policy = fileOf(t, suggest([file]).stdout.replace('- b.example.com', '- c.example.com'));
  const missed = suggest([file], { replay: policy.replace('.jsonl', '.yaml') });
  assert.equal(missed.status, 2, 'there is no such file');
  const path = policy.replace('.jsonl', '.yaml');
  renameSync(policy, path);
  const { status, stdout } = suggest([file], { replay: path });
  assert.equal(status, 1);
  assert.match(stdout, /^refused in 1 of 1 run with 2 attempts\n/);
  assert.match(
    stdout,
    /\n {2}b\.example\.com 443\/TCP, once, passed then: default; curl \(sh\), once\n/,
  );
});

test('what is no event is told with its line, and nothing is printed', (t) => {
  for (const [text, why] of [
    [
      'torwacht: blocked \u001b[31m',
      /Line 2 of .* is no event: it is not JSON \("torwacht: blocked \\u001b/,
    ],
    [JSON.stringify({ ...event, reason: 'because' }), /Line 2 of .* is no event: reason: /],
    ['[]', /Line 2 of/],
  ] as const) {
    const { status, stdout, stderr } = suggest([fileOf(t, `${lines(event)}${text}\n`)]);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, why);
  }
  const missing = suggest(['/nowhere.jsonl']);
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /there is no such file/);
});
