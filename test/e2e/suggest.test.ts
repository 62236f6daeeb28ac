/**
 * --suggest: what was seen becomes a policy, and with that policy in Block mode the same command passes.
 * The control of each: with a policy that allows nothing it does not.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createWorld, thief } from '../demo/world.ts';
import type { Registry } from '../lab/servers/registry.ts';
import { outcomes, probe } from './probe.ts';
import { eventsOf, tableOf } from './rows.ts';
import { type PolicySpec, type RunOptions, sharedStage, skip, stageIn, TORWACHT } from './stage.ts';

const one = { name: 'one.example.test', address: '192.0.2.21' };
const two = { name: 'two.example.test', address: '192.0.2.22' };
const bare = '198.51.100.7';
const inside = { name: 'inside.example.test', address: '10.1.2.3' };
const nothing: PolicySpec = {};
let registry: Registry;

const stage = sharedStage('suggest', async (lab) => {
  [registry] = await Promise.all([
    lab.registry(),
    lab.dnsmasq([one, two, inside, { name: 'registry.demo.test', address: '192.0.2.10' }]),
    lab.sink([
      { kind: 'http', address: one.address, port: 8000 },
      { kind: 'http', address: two.address, port: 80 },
      { kind: 'http', address: inside.address, port: 8080 },
      { kind: 'tcp', address: bare, port: 5432 },
      { kind: 'udp', address: bare, port: 514 },
    ]),
  ]);
  const folder = join(lab.folder, 'leaf');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"name": "demo-leaf", "version": "1.0.0"}');
  await registry.publish(folder);
});

const out = (name: string) => join(stage().work, name);

/** What `policy check` and `policy explain` say, run in the lab. */
const torwacht = (...args: readonly string[]) => stage().lab.run('host', TORWACHT, args);

/** Observes with a suggestion, then runs the same command in Block mode with what was suggested. */
async function observeThenBlock(file: string, options: Omit<RunOptions, 'policy'>) {
  const flags = ['--observe', '--suggest', file, ...(options.flags ?? [])];
  const observed = await stage().run({ ...options, policy: nothing, flags });
  const text = readFileSync(file, 'utf8');
  const checked = await torwacht('policy', 'check', file);
  assert.equal(checked.code, 0, `${checked.stdout}${checked.stderr}${text}`);
  const events = `${file}.jsonl`;
  const held = await stage().run({
    ...options,
    policy: stage().policy(text),
    flags: [...(options.flags ?? []), '--output', events],
  });
  const rows = eventsOf(readFileSync(events, 'utf8'));
  return { observed, text, held, refused: rows.filter(({ action }) => action !== 'allow') };
}

test('two names, an address, a UDP service and a private name: suggested, applied, passed', {
  skip,
  timeout: 120_000,
}, async () => {
  const steps = [
    `get http://${one.name}:8000/`,
    `get http://${two.name}/`,
    `get http://${inside.name}:8080/`,
    `tcp ${bare} 5432`,
    `udp ${bare} 514`,
  ];
  const command = probe(...steps);
  const control = await stage().run({ policy: nothing, command });
  for (const step of steps) {
    assert.doesNotMatch(outcomes(control.stdout)[step] ?? '', /^(ok|200)/, step);
  }
  const flags = ['--project', '4711', '--job', 'build'];
  const { observed, text, held, refused } = await observeThenBlock(out('names.yaml'), {
    command,
    flags,
  });
  assert.match(observed.stderr, /^torwacht: a policy is suggested in .*: 3 names and 1 address$/m);
  for (const step of steps) {
    assert.match(
      outcomes(held.stdout)[step] ?? '',
      /^(ok|200 \d+)$/,
      `${step}\n${text}${held.stderr}`,
    );
  }
  assert.deepEqual(refused, [], text);
  assert.deepEqual(tableOf(held.stderr), []);
  assert.match(text, /^ {2}name: suggested-4711-build$/m);
  assert.match(text, /- inside\.example\.test\n {6}ports:\n {8}- port: 8080\n {6}private: true$/m);
  assert.doesNotMatch(text, /\*/);

  const elsewhere = await stage().run({
    policy: stage().policy(text),
    command,
    flags: ['--job', 'x'],
  });
  assert.doesNotMatch(outcomes(elsewhere.stdout)[`tcp ${bare} 5432`] ?? '', /^ok/);

  const asked = [
    'policy',
    'explain',
    '--policy',
    out('names.yaml'),
    '--project',
    '4711',
    '--job',
    'build',
  ];
  assert.equal((await torwacht(...asked, `http://${one.name}:8000/`)).code, 0);
  assert.equal((await torwacht(...asked, one.name)).code, 1);
  assert.equal((await torwacht(...asked, `udp://${bare}:514`)).code, 0);
});

test('npm install: suggested, applied, passed; policy suggest says the same from the events', {
  skip,
  timeout: 120_000,
}, async () => {
  const cwd = join(stage().work, 'app');
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'package.json'), '{"name": "app", "version": "1.0.0"}');
  const installed = join(cwd, 'node_modules/demo-leaf/package.json');
  const command = [
    'sh',
    '-c',
    'rm -rf node_modules package-lock.json "$npm_config_cache"; exec npm install demo-leaf',
  ];
  const options = { command, cwd, env: registry.npmEnv };
  const control = await stage().run({ ...options, policy: nothing });
  assert.notEqual(control.code, 0);
  assert.ok(!existsSync(installed));
  const events = out('npm.jsonl');
  const { observed, text, held, refused } = await observeThenBlock(out('npm.yaml'), {
    ...options,
    flags: ['--output', events],
  });
  assert.equal(observed.code, 0, observed.stderr);
  assert.equal(held.code, 0, `${text}${held.stderr}`);
  assert.ok(existsSync(installed));
  const twin = await torwacht('policy', 'suggest', events);
  assert.equal(twin.stdout, text, twin.stderr);
  assert.deepEqual(refused, []);
  assert.match(
    text,
    /# npm install\S* .*\n(.*\n)*? *- registry\.demo\.test\n {6}ports:\n {8}- port: 4873$/m,
  );
});

test('what is allowed already is in the suggestion too; the policy in force is left alone', {
  skip,
}, async () => {
  const policy = stage().policy(
    JSON.stringify({
      apiVersion: 'torwacht.io/v1alpha1',
      kind: 'EgressPolicy',
      metadata: { name: 'now' },
      spec: { allow: [{ fqdn: [one.name], ports: [{ port: 8000 }] }] },
    }),
  );
  const before = readFileSync(policy, 'utf8');
  const command = probe(`get http://${one.name}:8000/`, `tcp ${bare} 5432`);
  const file = out('both.yaml');
  const ended = await stage().run({ policy, command, flags: ['--suggest', file] });
  assert.equal(ended.code, 0, ended.stderr);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /- one\.example\.test\n {6}ports:\n {8}- port: 8000$/m);
  assert.match(text, /- 198\.51\.100\.7\/32/);
  assert.match(text, /^# Some of it was refused.*--observe/m, 'it was Block mode');

  const refused = await stage().run({ policy, command, flags: ['--suggest', policy] });
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /TW_RUN_SUGGEST\]/);
  assert.equal(readFileSync(policy, 'utf8'), before);
});

test('a link is not followed, and what the command puts into its place is told', {
  skip,
}, async () => {
  await stage().lab.run('host', 'ln', ['-sf', '/etc/hostname', out('link.yaml')]);
  const linked = await stage().run({
    policy: nothing,
    flags: ['--suggest', out('link.yaml')],
    command: ['true'],
  });
  assert.equal(linked.code, 125);
  assert.match(linked.stderr, /TW_RUN_OUTPUT/);

  const file = out('mine.yaml');
  const write = (script: string) =>
    stage().run({
      policy: nothing,
      flags: ['--observe', '--suggest', file],
      command: ['bash', '-c', script, 'bash', file],
    });
  const longer = await write('printf "allow: everything%.0s\\n" {1..999} >> "$1"');
  assert.match(longer.stderr, /a policy is suggested/);
  assert.doesNotMatch(readFileSync(file, 'utf8'), /everything/);
  const replaced = await write('rm "$1"; echo "allow: everything" > "$1"');
  assert.equal(replaced.code, 0);
  assert.match(replaced.stderr, /^torwacht: the suggestion is lost: .* do not trust it$/m);
});

test('hostile names of processes stay inside their comment', { skip }, async () => {
  const script = `cp "$(command -v bash)" 'a
- b: #'; PATH=. exec $'a\\n- b: #' -c 'exec 3<>/dev/tcp/${bare}/5432'`;
  const { text, held, refused } = await observeThenBlock(out('hostile.yaml'), {
    command: ['bash', '-c', script],
  });
  assert.equal(held.code, 0, held.stderr);
  assert.deepEqual(refused, []);
  assert.match(text, /^ *# a\\x0a- b: #, once$/m);
  assert.match(text, /^[\n\x20-\x7e]*$/);
});

test('the demo: the thief is in the suggestion, with the process that asked for it', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const world = await createWorld();
  t.after(() => world.lab.close());
  const { run, work } = stageIn(world.lab);
  const file = join(work, 'suggested.yaml');
  const ended = await run({
    policy: nothing,
    cwd: world.project(),
    env: world.env,
    flags: ['--observe', '--suggest', file, '--job', 'install'],
    command: ['npm', 'ci'],
  });
  assert.equal(ended.code, 0, ended.stderr);
  const text = readFileSync(file, 'utf8');
  const thiefs = new RegExp(
    `# (node|MainThread)( \\[\\S+\\])? \\(npm ci\\b.* > sh\\), once\\n +- ${thief.name}\\n +ports:\\n +- port: ${thief.port}\\n`,
  );
  assert.match(text, thiefs);
  assert.match(text, /^# {3}169\.254\.169\.254 80\/TCP: metadata; (node|MainThread).*once$/m);
});
