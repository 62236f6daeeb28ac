/** Commands that the documentation shows: their flags, targets, values, files and kinds are there. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { blocks, pages } from './blocks.ts';
import { type Place, wrongWith } from './commands.ts';
import { callsIn } from './shell.ts';

const root = join(import.meta.dirname, '../..');
const programs = ['torwacht', 'kubectl', 'helm', 'make', 'flux'];

/** A checkout; whatever else is named is the reader's own. */
const checkout: Place = {
  exists: (path) => !/^(charts|config|examples)\//.test(path) || existsSync(join(root, path)),
  read: (path) =>
    /\.yaml$/.test(path) && existsSync(join(root, path))
      ? readFileSync(join(root, path), 'utf8')
      : undefined,
};

/** Lines of a session that somebody typed. */
const typed = (session: string) =>
  [...session.matchAll(/^[$#] (.*(?:\\\n.*)*)$/gm)].map(([, line]) => line).join('\n');

test('every command of the documentation has flags, files and names that are there', async () => {
  const calls = pages().flatMap((page) => [
    ...blocks(page, 'sh').flatMap(({ place, text }) =>
      callsIn(text).map((call) => ({ place, call })),
    ),
    ...blocks(page, 'console').flatMap(({ place, text }) =>
      callsIn(typed(text)).map((call) => ({ place, call })),
    ),
  ]);
  const held = calls.filter(({ call }) => programs.includes(call[0] ?? ''));
  assert.ok(held.length > 100, `${held.length} of ${calls.length} calls`);
  const wrong = await Promise.all(
    held.map(async ({ place, call }) =>
      (await wrongWith(call, checkout)).map((sentence) => `${place}: ${sentence}`),
    ),
  );
  assert.deepEqual(wrong.flat(), []);
});

for (const [command, sentence] of [
  ['make demonstration', 'there is no target demonstration'],
  ['torwacht status --until ready', 'there is no flag --until'],
  ['torwacht get policies --pods x', 'there is no flag --pods'],
  [
    'helm install torwacht charts/torwacht --set agent.colour=red',
    'there is no value of the chart agent.colour',
  ],
  ['helm install torwacht charts/tower', 'charts/tower is not there'],
  ['kubectl apply -k config/everything', 'config/everything is not there'],
  ['kubectl -n ci get violence', 'there is no resource violence'],
  ['kubectl get violations --sort-by=.status.lastSeen', 'there is no column .status.lastSeen'],
  [
    'kubectl label namespace ci torwacht.io/enforced=true',
    'there is no label torwacht.io/enforced',
  ],
  ['kubectl -n torwacht logs daemonset/torwacht', 'there is no workload daemonset/torwacht'],
  ['flux bootstrap git --path=examples/flux', 'examples/flux is not there'],
] as const) {
  test(`a page with "${command}" is refused`, async () => {
    const [call = []] = callsIn(command);
    assert.deepEqual(await wrongWith(call, checkout), [`${command}: ${sentence}`]);
  });
}

test('a block is taken apart as the shell does it', () => {
  const shell = [
    'sudo bin/torwacht run --policy a.yaml -- sh -c "curl -s x"  # a note',
    'helm install a \\',
    '  --set b=c',
    "kubectl logs x | torwacht suggest --job 'a b' - > out.yaml && make",
  ].join('\n');
  assert.deepEqual(callsIn(shell), [
    ['torwacht', 'run', '--policy', 'a.yaml', '--', 'sh', '-c', 'curl -s x'],
    ['helm', 'install', 'a', '--set', 'b=c'],
    ['kubectl', 'logs', 'x'],
    ['torwacht', 'suggest', '--job', 'a b', '-'],
    ['make'],
  ]);
});
