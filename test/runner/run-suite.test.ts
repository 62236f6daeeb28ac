import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runSuite } from './run-suite.ts';
import type { CheckSuite, TestSuite } from './suite.ts';
import type { Tally } from './tally.ts';

const suite: TestSuite = {
  name: 'sample',
  kind: 'tests',
  limit: 30,
  isolation: 'none',
  files: ['t/*.test.js'],
};
const isolated: TestSuite = { ...suite, isolation: 'process' };

/** A repository of its own with these test files, run as `suite` says. */
function sample(
  context: TestContext,
  files: Record<string, string>,
  row: TestSuite | CheckSuite = suite,
): Promise<Tally> {
  const root = mkdtempSync(join(tmpdir(), 'torwacht-sample-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 't'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  for (const [name, source] of Object.entries(files)) {
    writeFileSync(join(root, 't', name), `import { test } from 'node:test';\n${source}`);
  }
  const signal = new AbortController().signal;
  return runSuite(row, { root, progress: () => {}, signal });
}

for (const row of [suite, isolated]) {
  test(`passes, failures and skips are counted with isolation ${row.isolation}`, async (context) => {
    const counts = await sample(
      context,
      {
        'a.test.js': `
          test('good', () => {});
          test('bad', () => { throw new Error('broken on purpose'); });
          test('not here', { skip: 'needs a moon' }, () => {});`,
        'b.test.js': `test('outer', async (t) => { await t.test('inner', () => {}); });`,
      },
      row,
    );
    assert.equal(counts.passed, 3);
    assert.deepEqual(
      counts.failed.map(({ name }) => name),
      ['t/a.test.js › bad'],
    );
    assert.match(counts.failed[0]?.output ?? '', /broken on purpose/);
    assert.deepEqual(counts.skipped, [{ name: 't/a.test.js › not here', reason: 'needs a moon' }]);
  });

  test(`a file that breaks while loading fails with isolation ${row.isolation}`, async (context) => {
    const files = { 'a.test.js': `test('good', () => {});`, 'b.test.js': `throw new Error('oh');` };
    const counts = await sample(context, files, row);
    assert.equal(counts.failed.length, 1);
    assert.match(counts.failed[0]?.output ?? '', /oh/);
  });
}

test('a process that is killed in the middle is a failure', async (context) => {
  const counts = await sample(context, {
    'a.test.js': `test('good', () => {});
      test('deadly', () => process.kill(process.pid, 'SIGKILL'));`,
  });
  assert.equal(counts.failed.length, 1);
  assert.match(counts.failed[0]?.output ?? '', /SIGKILL/);
});

test('processes that share the files run side by side, and one that dies is a failure', async (context) => {
  const shared = { ...suite, concurrency: 2 };
  const waiting = (own: string, other: string) => `
    import { existsSync, writeFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    test('${own} meets ${other}', async () => {
      writeFileSync('${own}', '');
      while (!existsSync('${other}')) await sleep(10);
    });`;
  const meeting = { 'a.test.js': waiting('a', 'b'), 'b.test.js': waiting('b', 'a') };
  const met = await sample(context, meeting, shared);
  assert.deepEqual([met.passed, met.failed.length], [2, 0]);
  const dying = {
    'a.test.js': `test('good', () => {});`,
    'b.test.js': `test('deadly', () => process.kill(process.pid, 'SIGKILL'));`,
  };
  const lost = await sample(context, dying, shared);
  assert.deepEqual([lost.passed, lost.failed.length], [1, 1]);
  assert.match(lost.failed[0]?.output ?? '', /SIGKILL/);
});

test('a file without tests is a failure where files have processes', async (context) => {
  const files = { 'a.test.js': `test('good', () => {});`, 'b.test.js': '' };
  const counts = await sample(context, files, isolated);
  assert.deepEqual(counts.failed, [{ name: 't/b.test.js', output: 'This file ran no test.' }]);
});

test('a suite of files without tests is a failure, and so is one without files', async (context) => {
  const none = await sample(context, { 'a.test.js': '' });
  assert.equal(none.failed[0]?.output, 'This file ran no test.');
  const missing = await sample(context, {});
  assert.equal(missing.failed[0]?.output, 'No test file matches t/*.test.js.');
});

test('a suite that hangs is ended and is a failure', async (context) => {
  const files = { 'a.test.js': `test('hangs', () => new Promise((r) => setTimeout(r, 60_000)));` };
  const counts = await sample(context, files, { ...suite, limit: 1 });
  assert.equal(counts.passed, 0);
  assert.match(counts.failed.map(({ output }) => output).join(), /Ended after 1 s/);
});

test('a check passes by its exit code and, where one is asked for, its proof', async (context) => {
  const check = (script: string, proof?: RegExp): CheckSuite => ({
    name: 'check',
    kind: 'check',
    limit: 30,
    command: ['-e', script],
    ...(proof && { proof }),
  });
  assert.equal((await sample(context, {}, check(''))).passed, 1);
  assert.equal((await sample(context, {}, check('process.exit(3)'))).failed.length, 1);
  const said = 'console.log("0 modules")';
  assert.equal((await sample(context, {}, check(said, /[1-9] modules/))).failed.length, 1);
  assert.equal((await sample(context, {}, check(said, /0 modules/))).passed, 1);
});

test('a world is made before the files and taken down after them, also where it could not be made', async (context) => {
  if (process.getuid?.() !== 0) return context.skip('worlds are for root');
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-world-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const log = join(folder, 'log');
  const program = (name: string, code: number): string => {
    const path = join(folder, `${name}.mjs`);
    const write = `import { appendFileSync } from 'node:fs'; appendFileSync(process.env.LOG, '${name} ');`;
    writeFileSync(path, `${write} process.exitCode = ${code};`);
    return path;
  };
  const row = (up: number, down: number): TestSuite => ({
    ...suite,
    environment: () => ({ LOG: log }),
    world: { up: program('up', up), down: program('down', down) },
  });
  const files = {
    'a.test.js': `import { appendFileSync } from 'node:fs';
      test('inside', () => appendFileSync(process.env.LOG, 'test '));`,
  };
  const whole = await sample(context, files, row(0, 0));
  assert.deepEqual([whole.passed, whole.failed.length], [1, 0]);
  const none = await sample(context, files, row(5, 0));
  assert.deepEqual([none.passed, none.failed.length], [0, 1]);
  assert.match(none.failed[0]?.output ?? '', /It exited with 5/);
  const stays = await sample(context, files, row(0, 5));
  assert.deepEqual([stays.passed, stays.failed.length], [1, 1]);
  assert.equal(readFileSync(log, 'utf8'), 'up test down up down up test down ');
});

test('a suite of low priority lets others go first', async (context) => {
  const source = `import { existsSync, readFileSync } from 'node:fs';
    import { getPriority } from 'node:os';
    test('polite', () => {
      if (getPriority() < 10) throw new Error(String(getPriority()));
      const session = '/proc/self/autogroup';
      const said = existsSync(session) ? readFileSync(session, 'utf8') : 'nice 10';
      if (!/nice 10$/m.test(said)) throw new Error(said);
    });`;
  const files = { 'a.test.js': source };
  assert.equal((await sample(context, files, { ...isolated, lowPriority: true })).passed, 1);
  assert.equal((await sample(context, files, isolated)).failed.length, 1);
});
