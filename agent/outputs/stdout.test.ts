import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { openLines, Stdout } from './stdout.ts';
import { countingTally, rowOf, until } from './testing/rows.ts';

/** A pipe whose reader is the test: it reads when it likes. */
function pipeFor(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-lines-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  t.after(() => {
    for (const fd of [reader, writer]) closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  let text = '';
  const bytes = Buffer.alloc(1 << 16);
  const read = () => {
    try {
      text += bytes.toString('latin1', 0, readSync(reader, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return text.split('\n').slice(0, -1);
  };
  return { writer, read };
}

test('a row is a line of the log in ASCII, whatever the level of the log', async (t) => {
  const { writer, read } = pipeFor(t);
  const lines = openLines(writer);
  const log = pino({ level: 'error', base: { version: '1' } }, lines);
  const tally = countingTally();
  const stdout = new Stdout('stdout', { lines, log, tally });
  const event = rowOf({ job_name: 'ü\u202e\n' });
  stdout.send(event);
  await until(() => read().length === 1);
  const [line = ''] = read();
  assert.match(line, /^[ -~]+$/);
  const { msg, event: told, level, version } = JSON.parse(line);
  assert.deepEqual(
    { msg, told, level, version },
    { msg: 'egress', told: event, level: 30, version: '1' },
  );
  assert.equal(tally.counts.sent, 1);
});

test('a reader that stands still costs rows, which are counted exactly, and holds nobody up', async (t) => {
  const { writer, read } = pipeFor(t);
  const lines = openLines(writer, 256 * 1024);
  const tally = countingTally();
  const stdout = new Stdout('stdout', { lines, log: pino({}, lines), tally });
  for (let count = 0; count < 5000; count++) stdout.send(rowOf({ count }));
  assert.equal(tally.settled, 5000);
  assert.ok(tally.counts.dropped.full > 0 && tally.counts.sent > 0);
  await until(() => read().length >= tally.counts.sent);
  assert.equal(read().length, tally.counts.sent);
});
