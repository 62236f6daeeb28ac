import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { errors } from './admission/errors.ts';
import { readInput } from './input.ts';

test('standard input may come late and in parts', () => {
  const program = `
    const { readInput } = await import(${JSON.stringify(join(import.meta.dirname, 'input.ts'))});
    process.stdout.write(readInput('-', { code: 'TW_X', message: '{reason}', hint: '', exit: 'usage' }));`;
  const script = '{ sleep 0.3; printf a; sleep 0.2; printf b; } | "$0" --input-type=module -e "$1"';
  const told = execFileSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' });
  assert.equal(told, 'ab');
});

test('a file is read whole, and one that is too large is not read', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-input-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'file');
  writeFileSync(path, 'ü'.repeat(100_000));
  assert.equal(readInput(path, errors.unreadable).length, 100_000);
  const fd = openSync(path, 'w');
  ftruncateSync(fd, 4 * 1024 * 1024 + 1);
  closeSync(fd);
  assert.throws(() => readInput(path, errors.unreadable), /larger than 4 MiB/);
  assert.throws(() => readInput(folder, errors.unreadable), { code: 'TW_ADMISSION_UNREADABLE' });
});
