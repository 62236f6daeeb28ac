import assert from 'node:assert/strict';
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parsePolicies } from '#policy/load.ts';
import { openEvents } from './output.ts';
import { openSuggestion } from './suggestion.ts';

/** Whoever runs the test: no change of identity. */
const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, groups: [] };
const options = { project: null, job: null, unrecorded: 0 };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-suggestion-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'policy.d'));
  writeFileSync(join(folder, 'policy.d/a.yaml'), 'in force');
  return folder;
}

function opened(t: TestContext, path: string, policyPath: string, output?: string) {
  const file = openSuggestion({ path, policyPath, output, user });
  t.after(() => file.close());
  return file;
}

test('it is written over whatever the command left in the file', (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'new.yaml');
  const file = opened(t, path, join(folder, 'policy.d'));
  writeFileSync(path, 'kind: Anything\n'.repeat(100), { flag: 'a' });
  const { isThere, sentence } = file.write([], options);
  assert.ok(isThere);
  assert.match(sentence, /new\.yaml: 0 names and 0 addresses$/);
  const loaded = parsePolicies([{ file: path, content: readFileSync(path) }]);
  assert.deepEqual(loaded.problems, []);
});

test('another file or a link in its place is told', (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'new.yaml');
  const replacements: readonly (() => void)[] = [
    () => rmSync(path),
    () => {
      writeFileSync(join(folder, 'theirs'), 'theirs');
      renameSync(join(folder, 'theirs'), path);
    },
    () => {
      renameSync(path, join(folder, 'ours'));
      symlinkSync('ours', path);
    },
  ];
  for (const replace of replacements) {
    rmSync(path, { force: true });
    const file = opened(t, path, join(folder, 'policy.d'));
    replace();
    const { isThere, sentence } = file.write([], options);
    assert.equal(isThere, false);
    assert.match(sentence, /was replaced or removed while the command ran, do not trust it$/);
  }
});

test('it cannot be the policy in force, part of its folder, or the file of --output', (t) => {
  const folder = folderOf(t);
  const [policies, one] = [join(folder, 'policy.d'), join(folder, 'policy.d/a.yaml')];
  const link = join(folder, 'hard.yaml');
  linkSync(one, link);
  symlinkSync('policy.d', join(folder, 'same'));
  const output = join(folder, 'events');
  for (const [path, policyPath] of [
    [one, one],
    [one, policies],
    [link, one],
    [join(folder, 'same/a.yaml'), one],
    [join(policies, 'new.yaml'), policies],
    [join(folder, 'same/new.yml'), policies],
    [output, policies],
    [join(policies, '../events'), policies],
  ] as const) {
    const place = { path, policyPath, output, user };
    assert.throws(() => openSuggestion(place), { code: 'TW_RUN_SUGGEST' }, `${path} ${policyPath}`);
  }
  assert.equal(readFileSync(one, 'utf8'), 'in force');
  opened(t, join(policies, 'beside.yaml'), one, output);
  opened(t, join(policies, 'notes.txt'), policies, output);
});

test('the events cannot go into the policy in force either, which keeps what it says', (t) => {
  const folder = folderOf(t);
  const [policies, one] = [join(folder, 'policy.d'), join(folder, 'policy.d/a.yaml')];
  symlinkSync('policy.d', join(folder, 'same'));
  for (const [path, policyPath] of [
    [one, one],
    [one, policies],
    [join(folder, 'same/a.yaml'), one],
    [join(policies, 'new.yaml'), policies],
  ] as const) {
    assert.throws(() => openEvents({ path, policyPath, user }), { code: 'TW_RUN_EVENTS' }, path);
  }
  assert.equal(readFileSync(one, 'utf8'), 'in force');
  const events = join(policies, 'events.jsonl');
  writeFileSync(events, 'of another run');
  closeSync(openEvents({ path: events, policyPath: policies, user }));
  assert.equal(readFileSync(events, 'utf8'), '');
});
