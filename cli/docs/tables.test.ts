import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ErrorSpec, exitCodes } from '#api/error.ts';
import { egressEventSchema, type Reason, reasons } from '#api/event.ts';
import { alwaysDeniedReasons } from '#policy/always-denied.ts';
import { rules } from '../../scripts/generate/monitoring/rules.ts';
import { flagsOf } from '../testing.ts';
import { blocks, page, rows } from './blocks.ts';

const root = join(import.meta.dirname, '../..');

/** Every error that a shipped folder declares. */
async function declaredErrors(): Promise<readonly ErrorSpec[]> {
  const files = globSync('{api,policy,dns,bpf,agent,operator,webhook,cli}/**/errors.ts', {
    cwd: root,
  });
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

/** The flags in the first cells of a page's tables. */
function flagsIn(name: string): readonly string[] {
  const lines = page(name).text.split('\n');
  return lines.flatMap((line) => /^\| (?:`-\w`, )?`(--[\w-]+)/.exec(line)?.[1] ?? []).sort();
}

test('docs/run.md has every flag of torwacht run, and no other', async () => {
  const flags = await flagsOf('run');
  assert.ok(flags.length > 10);
  assert.deepEqual(flagsIn('docs/run.md'), [...flags].sort());
});

/** The flags of several commands, each once, without that for help. */
async function flagsOfAll(...commands: readonly (readonly string[])[]): Promise<readonly string[]> {
  const named = await Promise.all(commands.map((command) => flagsOf(...command)));
  return [...new Set(named.flat())].filter((flag) => flag !== '--help').sort();
}

test('docs/runner.md has every flag of torwacht runner, and no other', async () => {
  const flags = await flagsOfAll(['runner', 'config'], ['runner', 'check']);
  assert.ok(flags.length > 5);
  assert.deepEqual(flagsIn('docs/runner.md'), flags);
});

test('docs/policy-tests.md has every flag of torwacht policy test, and no other', async () => {
  const flags = await flagsOfAll(['policy', 'test']);
  assert.ok(flags.length > 1);
  assert.deepEqual(flagsIn('docs/policy-tests.md'), flags);
});

test('docs/doctor.md has every flag of torwacht doctor, and no other', async () => {
  const flags = await flagsOfAll(['doctor']);
  assert.ok(flags.length > 4);
  assert.deepEqual(flagsIn('docs/doctor.md'), flags);
});

test('docs/cluster-cli.md has every flag of the commands that ask a cluster, and no other', async () => {
  const flags = await flagsOfAll(
    ['get', 'policies'],
    ['get', 'bindings'],
    ['get', 'nodes'],
    ['explain'],
    ['status'],
  );
  assert.deepEqual(flagsIn('docs/cluster-cli.md'), flags);
});

for (const [name, command] of [
  ['docs/history.md', ['suggest']],
  ['docs/alerts.md', ['alerts', 'test']],
] as const) {
  test(`${name} has every flag of torwacht ${command.join(' ')}, and no other`, async () => {
    const flags = (await flagsOf(...command)).filter((flag) => flag !== '--help');
    assert.ok(flags.length > 5);
    assert.deepEqual(flagsIn(name), [...flags].sort());
  });
}

test('docs/metrics.md has every alert with its severity, and no other', () => {
  const listed = rows(page('docs/metrics.md'));
  for (const { alert, severity } of rules) {
    assert.match(listed.get(alert) ?? '', new RegExp(`^\\| \`${alert}\` +\\| ${severity} +\\|`));
  }
  const named = [...listed.keys()].filter((name) => name.startsWith('Torwacht'));
  assert.equal(named.length, rules.length);
});
