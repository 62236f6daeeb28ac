import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ErrorSpec, exitCodes } from '#api/error.ts';
import { egressEventSchema, type Reason, reasons } from '#api/event.ts';
import { alwaysDeniedReasons } from '#policy/always-denied.ts';
import { blocks, page, rows } from './blocks.ts';

const root = join(import.meta.dirname, '../..');

/** Every error that a shipped folder declares. */
async function declaredErrors(): Promise<readonly ErrorSpec[]> {
  const files = globSync('{api,policy,dns,bpf,agent,cli}/**/errors.ts', { cwd: root });
  const tables = await Promise.all(
    files.map(async (file) => {
      const module: { errors: Record<string, ErrorSpec> } = await import(join(root, file));
      return Object.values(module.errors);
    }),
  );
  return tables.flat();
}

test('docs/exit-codes.md has every error code with its exit code, and no other', async () => {
  const declared = await declaredErrors();
  assert.ok(declared.length > 30);
  const listed = rows(page('docs/exit-codes.md'));
  for (const { code, exit } of declared) {
    assert.match(
      listed.get(code) ?? '',
      new RegExp(`^\\| \`${code}\` +\\| ${exitCodes[exit]} +\\|`),
    );
  }
  const codes = new Set(declared.map(({ code }) => code));
  for (const code of listed.keys()) {
    assert.ok(!code.startsWith('TW_') || codes.has(code as `TW_${string}`), `${code} is no more`);
  }
});

test('docs/exit-codes.md has every exit code by its name', () => {
  const { text } = page('docs/exit-codes.md');
  for (const [name, code] of Object.entries(exitCodes)) {
    assert.match(text, new RegExp(`^\\| ${code} +\\| ${name} +\\|`, 'm'));
  }
});

test('docs/events.md explains every field and every reason', () => {
  const listed = rows(page('docs/events.md'));
  const known = new Set<string>([...Object.keys(egressEventSchema.shape), ...reasons]);
  for (const name of known) assert.ok(listed.has(name), `${name} is not explained`);
  for (const name of listed.keys()) assert.ok(known.has(name), `${name} is no more`);
});

test('docs/events.md says of every reason whether Observe lets it pass', () => {
  const listed = rows(page('docs/events.md'));
  const never: readonly Reason[] = [...alwaysDeniedReasons];
  for (const reason of never) assert.match(listed.get(reason) ?? '', /\| no +\|$/, reason);
  const passing: readonly Reason[] = ['default', 'expired', 'port', 'deny-rule', 'local-service'];
  for (const reason of passing) assert.match(listed.get(reason) ?? '', /\| yes +\|$/, reason);
});

test('docs/events.md shows each kind of row', () => {
  const shown = blocks(page('docs/events.md'), 'json').map(
    ({ text }) => JSON.parse(text) as { action: string; reason: Reason },
  );
  const kinds = new Set(shown.map(({ action, reason }) => `${action} ${reason}`));
  for (const kind of ['block default', 'block port', 'block deny-rule', 'observe default']) {
    assert.ok(kinds.has(kind), kind);
  }
});

test('docs/run.md has every flag of torwacht run, and no other', () => {
  const help = execFileSync(process.execPath, [join(root, 'cli/main.ts'), 'run', '--help'], {
    encoding: 'utf8',
  });
  const flags = help
    .split('\n')
    .flatMap((line) => /^ {2}(?:-\w, )?(--[\w-]+)/.exec(line)?.[1] ?? []);
  assert.ok(flags.length > 10);
  const listed = page('docs/run.md')
    .text.split('\n')
    .flatMap((line) => /^\| (?:`-\w`, )?`(--[\w-]+)/.exec(line)?.[1] ?? []);
  assert.deepEqual(listed.sort(), flags.sort());
});
