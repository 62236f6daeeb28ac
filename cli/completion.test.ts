import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { completionScript } from './completion.ts';

const main = join(import.meta.dirname, 'main.ts');

function torwacht(...args: readonly string[]): string {
  return execFileSync(process.execPath, [main, ...args], { encoding: 'utf8' });
}

const script = torwacht('completion', 'bash');

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

/** The long flags that a command's own help names. */
function flagsOf(...command: readonly string[]): readonly string[] {
  return torwacht(...command, '--help')
    .split('\n')
    .flatMap((line) => /^ {2}(?:-\w, )?(--[\w-]+)/.exec(line)?.[1] ?? []);
}

test('bash completes the commands', () => {
  assert.deepEqual(offered(''), ['run', 'policy', 'cleanup', 'completion', 'help']);
  assert.deepEqual(offered('c'), ['cleanup', 'completion']);
  assert.deepEqual(offered('policy', ''), ['check', 'presets', 'explain', 'suggest', 'help']);
  assert.deepEqual(offered('completion', ''), ['bash', 'zsh', 'fish']);
});

test('bash completes every flag that help names, each at its command', () => {
  for (const command of [
    ['run'],
    ['cleanup'],
    ['policy', 'check'],
    ['policy', 'presets'],
    ['policy', 'explain'],
    ['policy', 'suggest'],
  ]) {
    const known = offered(...command, '--');
    assert.deepEqual(
      known.filter((name) => name.startsWith('--')).sort(),
      [...flagsOf(...command)].sort(),
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

test('zsh and fish know the same flags and presets', () => {
  const zsh = torwacht('completion', 'zsh');
  const fish = torwacht('completion', 'fish');
  for (const flag of flagsOf('run')) {
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

test('another shell is a mistake of usage', () => {
  assert.throws(
    () => execFileSync(process.execPath, [main, 'completion', 'tcsh'], { stdio: 'pipe' }),
    (error: { status?: number }) => error.status === 2,
  );
});
