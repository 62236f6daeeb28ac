import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command, Option } from 'commander';
import { candidates, cobraText } from './candidates.ts';
import { commandsOf } from './commands.ts';

const program = new Command('torwacht');
const get = program.command('get').description('List.');
get.command('nodes').description('Nodes.').option('-n, --namespace <name>', 'the namespace');
get.command('secret', { hidden: true });
program
  .command('explain')
  .option('--kubeconfig <file>', 'the file')
  .addOption(new Option('--protocol <name>', 'which').choices(['tcp', 'udp']))
  .argument('<destination>');
const commands = commandsOf(program);

const words = (...typed: readonly string[]) =>
  candidates(commands, typed).words.map(({ word }) => word);

test('commands, flags and values are offered where they can stand', () => {
  assert.deepEqual(words(''), ['get', 'explain', 'help']);
  assert.deepEqual(words('ex'), ['explain']);
  assert.deepEqual(words('get', 'n'), ['nodes']);
  assert.deepEqual(words('get', 'nodes', '--n'), ['--namespace']);
  assert.deepEqual(words('get', 'nodes', '-n', ''), []);
  assert.deepEqual(words('get', 'nodes', '-n', 'ci', '-'), ['--namespace', '-n', '--help', '-h']);
  assert.deepEqual(words('explain', '--protocol', ''), ['tcp', 'udp']);
  assert.deepEqual(words('explain', 'x', '--protocol', 'u'), ['udp']);
});

test('what is hidden is not offered', () => {
  assert.deepEqual(words('get', 's'), []);
});

test('names of files are left to the shell, where a file may stand', () => {
  assert.equal(candidates(commands, ['explain', '--kubeconfig', '']).files, true);
  assert.equal(candidates(commands, ['explain', '']).files, false);
  assert.equal(candidates(commands, ['run', '--', 'cat', '']).files, true);
});

test('it is written as cobra writes it', () => {
  assert.equal(cobraText(candidates(commands, ['g'])), 'get\tList.\n:4\n');
  assert.equal(cobraText(candidates(commands, ['explain', '--kubeconfig', ''])), ':0\n');
});
