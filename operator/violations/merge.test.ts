import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { violationSpecSchema } from '#api/violation.ts';
import { identify } from './identity.ts';
import { folded, merged } from './merge.ts';
import { rowOf } from './testing/rows.ts';

const NOW = Date.UTC(2026, 0, 3);
const origin = { node: 'n1', now: NOW };

test('a row is an object with all that its columns and a person at 3 a.m. ask for', () => {
  assert.deepEqual(merged(undefined, rowOf(), origin), {
    ...{ project: '42', job: 'install', process: 'node', parent: 'npm' },
    ...{ executable: '/usr/bin/node', arguments: 'node setup.js', ancestry: ['sh', 'npm'] },
    ...{ action: 'block', destination: 'evil.example', address: '192.0.2.1', port: 8000 },
    ...{ protocol: 'tcp', reason: 'default', rule: 'default', count: 1 },
    ...{ firstSeen: '2026-01-02T03:04:05Z', lastSeen: '2026-01-02T03:04:06Z' },
    pods: [{ name: 'runner-1', container: 'build', node: 'n1' }],
  });
});

test('counts are what rows add; times the first and the last; pods the newest first, ten of them', () => {
  let spec = merged(undefined, rowOf({ count: 1, added: 1 }), origin);
  spec = merged(spec, rowOf({ count: 7, added: 6, last_seen: '2026-01-02T05:00:00Z' }), origin);
  spec = merged(spec, rowOf({ time: '2026-01-01T00:00:00Z', pod: 'runner-2' }), origin);
  assert.deepEqual(
    [spec.count, spec.firstSeen, spec.lastSeen],
    [8, '2026-01-01T00:00:00Z', '2026-01-02T05:00:00Z'],
  );
  assert.deepEqual(
    spec.pods.map(({ name }) => name),
    ['runner-2', 'runner-1'],
  );
  for (let pod = 3; pod < 30; pod++) spec = merged(spec, rowOf({ pod: `runner-${pod}` }), origin);
  assert.equal(spec.pods.length, 10);
  assert.equal(spec.pods[0]?.name, 'runner-29');
  assert.equal(merged(undefined, rowOf({ added: null, count: 3 }), origin).count, 3);
});

test('what is one row: not the pid, the pod or the address of a name; but each other thing', () => {
  const { name } = identify(rowOf());
  assert.match(name, /^install-[0-9a-f]{16}$/);
  const same: Partial<EgressEvent>[] = [
    { pid: 1 },
    { pod: 'other' },
    { ip: '192.0.2.9' },
    { count: 9 },
    { argv: 'node x' },
  ];
  for (const change of same) assert.equal(identify(rowOf(change)).name, name, `${change}`);
  const different: Partial<EgressEvent>[] = [
    { project_id: '43' },
    { exe: '/usr/bin/nodejs' },
    { comm: 'npm' },
    { domain: 'other.example' },
    { port: 443 },
    { action: 'observe' },
    { reason: 'port' },
    { rule: 'EgressPolicy ci/web deny[0]' },
  ];
  for (const change of different) {
    assert.notEqual(identify(rowOf(change)).name, name, JSON.stringify(change));
  }
});

test('whatever a job calls itself, the API server takes it and a terminal shows it', () => {
  const bytes = `\u001b[2J\nname: forged\u202e<b>&*\`|${'x'.repeat(4000)}`;
  const hostile: Partial<EgressEvent> = {
    ...{
      job_url: `https://gitlab.test/${bytes}`,
      job_name: bytes,
      comm: bytes,
      parent_comm: bytes,
      exe: bytes,
      argv: bytes,
    },
    ...{ domain: bytes, pod: bytes, container: bytes, rule: bytes, policy: bytes },
    ...{ ip: bytes, project_id: bytes, port: 1e9, count: -5, added: -5 },
    ...{ time: bytes, last_seen: '9999-01-01T00:00:00Z' },
    ancestry: Array.from({ length: 40 }, () => ({ pid: 1, comm: bytes })),
  };
  const { name } = identify(rowOf(hostile));
  assert.match(name, /^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/);
  for (const make of [merged, folded]) {
    const spec = make(make(undefined, rowOf(hostile), origin), rowOf(hostile), origin);
    violationSpecSchema.parse(spec);
    assert.match(JSON.stringify(spec), /^[ -~]+$/);
    assert.deepEqual([spec.count, spec.lastSeen], [0, '2026-01-03T00:00:00Z']);
  }
  for (const job_name of ['', '---', '\u0000', '.']) {
    assert.match(identify(rowOf({ job_name })).name, /^row-[0-9a-f]{16}$/);
  }
});

test('the page of the job is a whole address of a page, or is left out', () => {
  const page = 'https://gitlab.test/a/b/-/jobs/7';
  const urlOf = (job_url: string | null) => merged(undefined, rowOf({ job_url }), origin).url;
  assert.equal(urlOf(page), page);
  for (const wrong of [
    null,
    'javascript:alert(1)',
    `${page} x`,
    `${page}\n`,
    `https://${'x'.repeat(1024)}`,
  ]) {
    assert.equal(urlOf(wrong), undefined);
  }
});

test('what is folded says how many rows that were, and examples of whose', () => {
  let spec = folded(undefined, rowOf(), origin);
  for (let at = 0; at < 30; at++) {
    spec = folded(spec, rowOf({ job_name: `job-${at}`, domain: `${at}.example` }), origin);
  }
  spec = folded(spec, rowOf({ count: 9, added: 8 }), origin);
  assert.deepEqual([spec.count, spec.folded?.rows], [39, 31], 'a later count is no other row');
  assert.deepEqual(spec.folded?.jobs.slice(0, 2), ['42/install', '42/job-0']);
  assert.deepEqual(spec.folded?.destinations.slice(0, 2), ['evil.example:8000', '0.example:8000']);
  assert.equal(spec.folded?.destinations.length, 10);
  assert.deepEqual(spec.folded?.processes, ['node']);
});
