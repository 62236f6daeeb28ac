/** How a run ends: exit status, standard streams, environment, working folder. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { policyText, sharedStage, skip, TORWACHT } from './stage.ts';

const stage = sharedStage('exit', async () => undefined);
const policy = { allow: [{ fqdn: ['good.example.test'] }] };

const endings: { command: string[]; code: number; says?: RegExp }[] = [
  { command: ['true'], code: 0 },
  { command: ['sh', '-c', 'exit 3'], code: 3 },
  { command: ['sh', '-c', 'exit 125'], code: 125 },
  { command: ['sh', '-c', 'kill -TERM $$'], code: 128 + 15 },
  { command: ['sh', '-c', 'kill -KILL $$'], code: 128 + 9 },
  {
    command: ['no-such-command'],
    code: 127,
    says: /^torwacht: Command not found: no-such-command/,
  },
  { command: ['./no-such-file'], code: 127, says: /^torwacht: Command not found/ },
  { command: ['/etc'], code: 126, says: /^torwacht: Cannot execute \/etc: /m },
  { command: ['./plain-file'], code: 126, says: /not marked as executable/ },
];

for (const { command, code, says } of endings) {
  test(`${command.join(' ')} ends with ${code}`, { skip }, async () => {
    writeFileSync(join(stage().work, 'plain-file'), 'text\n');
    const ended = await stage().run({ policy, command });
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, says ?? /^$/);
    assert.equal(ended.stdout, '');
  });
}

test('what torwacht itself cannot do ends with 125', { skip }, async () => {
  const bad = stage().policy(
    'apiVersion: torwacht.io/v1alpha1\nkind: EgressPolicy\nmetadata: {name: a}\nspec: {alow: []}\n',
    'bad.yaml',
  );
  const ended = await stage().run({ policy: bad, command: ['true'] });
  assert.equal(ended.code, 125);
  assert.match(ended.stderr, /bad\.yaml:4:\d+: .*alow/);
  const usage = await stage().run({ policy, flags: ['--no-such-flag'], command: ['true'] });
  assert.equal(usage.code, 125);
  const missing = await stage().run({ policy: '/nowhere.yaml', command: ['true'] });
  assert.equal(missing.code, 125);
  assert.match(missing.stderr, /^torwacht: .*\/nowhere\.yaml.*\[TW_POLICY_UNREADABLE\]$/m);
  assert.doesNotMatch(missing.stderr, /\bat .*:\d+:\d+/, 'no stack');
});

test('standard input, output and error are the command’s own', { skip }, async () => {
  const command = ['sh', '-c', 'tr a-z A-Z; echo to-error >&2'];
  const ended = await stage().run({ policy, command, input: 'hello\n' });
  assert.deepEqual(ended, { code: 0, stdout: 'HELLO\n', stderr: 'to-error\n' });
});

test('nobody reads the output any more: a list ends quietly, what is held goes on', {
  skip,
}, async () => {
  const { lab, work } = stage();
  const unread = async (...args: string[]) => {
    const line = '"$@" 2>"$0" | true; echo "$PIPESTATUS"';
    const said = join(work, 'said');
    const { stdout } = await lab.run('host', 'bash', ['-c', line, said, TORWACHT, ...args]);
    return [stdout.trim(), readFileSync(said, 'utf8')];
  };
  assert.deepEqual(await unread('policy', 'presets'), ['141', '']);
  const done = join(work, 'done');
  const script = `sleep 0.3; curl -sm 2 http://evil.example.test; touch ${done}`;
  const ended = await lab.run('host', 'bash', [
    '-c',
    '"$@" 2>&1 | true; echo "$PIPESTATUS"',
    'sh',
    ...[TORWACHT, 'run', '--policy', stage().policy(policyText(policy)), '--allow-write', work],
    ...['--', 'sh', '-c', script],
  ]);
  assert.equal(ended.stdout, '0\n');
  assert.ok(existsSync(done));
});

test('binary output arrives byte for byte', { skip }, async () => {
  const command = ['sh', '-c', 'head -c 3000000 /dev/zero | sha256sum; head -c 200000 /dev/zero'];
  const ended = await stage().run({ policy, command });
  assert.equal(ended.stdout.length, 200_000 + 64 + '  -\n'.length);
});

test('environment and working folder pass; Node’s own variables reach the command', {
  skip,
}, async () => {
  const { work, home } = stage();
  const env = { TOKEN: 'value', NODE_OPTIONS: '--no-warnings', DOCKER_HOST: 'unix:///x.sock' };
  const command = ['sh', '-c', 'pwd; echo "$HOME $TOKEN $NODE_OPTIONS"; echo "[$DOCKER_HOST]"'];
  const ended = await stage().run({ policy, command, env });
  const lines = [realpathSync(work), `${home} value --no-warnings`, '[]', ''];
  assert.equal(ended.stdout, lines.join('\n'), ended.stderr);
});

test('whoever is not root is told so in one sentence', { skip }, async () => {
  const { lab, work } = stage();
  const file = stage().policy('x');
  chmodSync(lab.folder, 0o755);
  const args = ['--reuid', '65534', '--regid', '65534', '--clear-groups', TORWACHT];
  for (const [what, code] of [
    [['run', '--policy', file, '--', 'touch', join(work, 'ran')], 125],
    [['cleanup'], 4],
  ] as const) {
    const ended = await lab.run('host', 'setpriv', [...args, ...what], { cwd: '/' });
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, /^torwacht: .*root.*65534 \[TW_RUN_NOT_ROOT\]\n {2}\S.*\n$/);
  }
  assert.ok(!existsSync(join(work, 'ran')));
});
