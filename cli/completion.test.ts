import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { Command } from 'commander';
import { completionScript } from './completion.ts';
import { flagsOf, torwacht } from './testing.ts';

const { stdout: script } = await torwacht('completion', 'bash');

/** What bash offers behind these words; the last one is under the cursor. */
function offered(...words: readonly string[]): readonly string[] {
  const ask = `source <(cat) || exit 1
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_torwacht
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['--norc', '-c', ask, 'bash', 'torwacht', ...words], {
    input: script,
    encoding: 'utf8',
    cwd: import.meta.dirname,
  });
  return output.split('\n').filter(Boolean);
}

test('bash completes the commands', () => {
  const commands = [
    'run',
    'policy',
    'admission',
    'runner',
    'get',
    'explain',
    'status',
    'suggest',
    'alerts',
    'doctor',
    'cleanup',
    'completion',
    'help',
  ];
  assert.deepEqual(offered(''), commands);
  assert.deepEqual(offered('c'), ['cleanup', 'completion']);
  assert.deepEqual(offered('get', ''), ['policies', 'bindings', 'nodes', 'help']);
  assert.deepEqual(offered('policy', ''), [
    'check',
    'presets',
    'explain',
    'test',
    'suggest',
    'help',
  ]);
  assert.deepEqual(offered('completion', ''), ['bash', 'zsh', 'fish']);
});

test('bash completes every flag that help names, each at its command', async () => {
  for (const command of [
    ['run'],
    ['cleanup'],
    ['policy', 'check'],
    ['policy', 'presets'],
    ['policy', 'explain'],
    ['policy', 'suggest'],
    ['policy', 'test'],
    ['runner', 'config'],
    ['runner', 'check'],
    ['get', 'policies'],
    ['explain'],
    ['status'],
    ['doctor'],
  ]) {
    const known = offered(...command, '--');
    assert.deepEqual(
      known.filter((name) => name.startsWith('--')).sort(),
      [...(await flagsOf(...command))].sort(),
    );
    assert.ok(known.length > 1);
  }
  assert.deepEqual(offered('run', '--allow-s'), ['--allow-socket']);
  assert.deepEqual(offered('cleanup', '--allow-s'), []);
});

test('bash completes values: paths, words, and nothing where anything may stand', () => {
  assert.deepEqual(offered('run', '--policy', 'completion.'), [
    'completion.test.ts',
    'completion.ts',
  ]);
  assert.deepEqual(offered('run', '--policy', '=', 'completion.te'), ['completion.test.ts']);
  assert.deepEqual(offered('run', '--job', ''), []);
  assert.deepEqual(offered('policy', 'check', 'version'), ['version.ts']);
  assert.deepEqual(offered('policy', 'explain', '--protocol', ''), ['tcp', 'udp', 'icmp']);
  assert.deepEqual(offered('policy', 'presets', 'npm'), ['npm', 'npm-extras']);
});

test('bash completes the held command, whose flags are not ours', () => {
  assert.ok(offered('run', '--observe', '--', 'ech').includes('echo'));
  assert.ok(offered('run', '--policy', 'x', 'ech').includes('echo'));
  assert.deepEqual(offered('run', '--', 'cat', 'completion.te'), ['completion.test.ts']);
  assert.deepEqual(offered('run', '--', 'cat', '--ob'), []);
  assert.deepEqual(offered('run', 'cat', '--ob'), []);
});

test('zsh and fish know the same flags and presets', async () => {
  const { stdout: zsh } = await torwacht('completion', 'zsh');
  const { stdout: fish } = await torwacht('completion', 'fish');
  for (const flag of await flagsOf('run')) {
    assert.ok(zsh.includes(`${flag}[`), flag);
    assert.ok(fish.includes(`-l ${flag.slice(2)} `), flag);
  }
  for (const text of [zsh, fish]) assert.match(text, /gitlab-com .*sigstore/);
});

test('a description cannot end the quotes that it stands in', () => {
  const program = new Command('torwacht').option('--odd <path>', "it's [odd]");
  program.command('odd').description("that's: odd");
  const zsh = completionScript(program, 'zsh');
  assert.ok(zsh.includes(String.raw`'(--odd)--odd[it'\''s \[odd\]]:path:_files'`), zsh);
  assert.ok(zsh.includes(String.raw`'odd:that'\''s\: odd'`), zsh);
  const fish = completionScript(program, 'fish');
  assert.ok(fish.includes(String.raw`-l odd -r -F -d 'it\'s [odd]'`), fish);
});

test('another shell is a mistake of usage', async () => {
  assert.equal((await torwacht('completion', 'tcsh')).status, 2);
});
