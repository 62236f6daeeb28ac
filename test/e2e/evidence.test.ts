/** What a run tells: lines as it happens, a table at the end, JSON events, and for whom rules count. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { outcomes, probe } from './probe.ts';
import { eventsOf, tableOf } from './rows.ts';
import { type PolicySpec, sharedStage, skip, until } from './stage.ts';

const good = { name: 'good.example.test', address: '192.0.2.20' };
const bad = { name: 'bad.example.test', address: '198.51.100.66' };
const policy: PolicySpec = { allow: [{ fqdn: [good.name], ports: [{ port: 8000 }] }] };

const stage = sharedStage('evidence', (lab) =>
  Promise.all([
    lab.dnsmasq([good, bad]),
    lab.sink([
      { kind: 'http', address: good.address, port: 8000 },
      { kind: 'http', address: bad.address, port: 8000 },
    ]),
  ]),
);

test('a blocked attempt is a line while the command runs, and a row of the table at the end', {
  skip,
}, async () => {
  const attempts = probe(`tcp ${bad.address} 8000`, `lookup ${bad.name}`).join("' '");
  const script = `'${attempts}'; until [ -e go ]; do sleep 0.02; done`;
  const run = stage().start({
    policy,
    flags: ['--project', '4711', '--job', 'install'],
    command: [
      'bash',
      '-c',
      `${script.replace('read -r go', 'until [ -e go ]; do sleep 0.02; done')}`,
    ],
  });
  await until(() => run.stderr().includes(`blocked ${bad.name} `), 'the row of the name');
  assert.match(
    run.stderr(),
    /^torwacht: blocked 198\.51\.100\.66:8000 for \S+\[\d+\], started by bash/m,
  );
  assert.deepEqual(tableOf(run.stderr()), [], 'the table comes at the end');
  await stage().lab.run('host', 'touch', [join(stage().work, 'go')]);
  assert.equal(await run.ended, 0);
  const rows = tableOf(run.stderr());
  assert.deepEqual(
    rows.map(({ job_name, action, domain, ip, port, count, rule, ancestry }) => [
      ...[job_name, action, domain, ip, port, count, rule, ancestry],
    ]),
    [
      ['install', 'block', '-', bad.address, '8000', '1', 'default: no rule allows it', 'bash'],
      ['install', 'block', bad.name, '-', '-', '1', 'default: no rule allows it', 'bash'],
    ],
    run.stderr(),
  );
  assert.equal(stage().lab.packetsTo(bad.address), 0);
});

test('--json: one valid event a line, the last of each row with its final count', {
  skip,
}, async () => {
  const tries = Array.from({ length: 5 }, () => `tcp ${bad.address} 8000`);
  const flags = ['--json', '--project', '7', '--job', 'build'];
  const command = probe(...tries, `tcp ${bad.address} 8001`, `lookup ${bad.name}`);
  const ended = await stage().run({ policy, flags, command });
  assert.equal(ended.code, 0);
  const events = eventsOf(ended.stderr);
  const final = new Map(
    events.map((event) => [`${event.domain} ${event.ip} ${event.port}`, event]),
  );
  assert.equal(final.size, 3, ended.stderr);
  const row = final.get(`null ${bad.address} 8000`);
  assert.equal(row?.count, 5);
  assert.equal(row?.action, 'block');
  assert.equal(row?.project_id, '7');
  assert.equal(row?.job_name, 'build');
  assert.equal(row?.protocol, 'tcp');
  assert.equal(row?.reason, 'default');
  assert.match(row?.exe ?? '', /node/);
  assert.match(row?.argv ?? '', /probe\.ts/);
  assert.equal(row?.uid, 0);
  assert.ok(row !== undefined && row.last_seen >= row.time);
  assert.equal(final.get(`null ${bad.address} 8001`)?.count, 1);
  const name = final.get(`${bad.name} null null`);
  assert.equal(name?.count, 1);
  assert.equal(name?.pid, row?.pid);
});

test('--observe: it passes and is told; what is always denied stays so', { skip }, async () => {
  const { lab } = stage();
  const before = lab.packetsTo(bad.address, 8000);
  const ended = await stage().run({
    policy,
    flags: ['--observe', '--json'],
    command: probe(
      `get http://${good.name}:8000/`,
      `get http://${bad.name}:8000/`,
      'tcp 169.254.169.254 80',
    ),
  });
  const result = outcomes(ended.stdout);
  assert.equal(result[`get http://${good.name}:8000/`], '200 3');
  assert.equal(result[`get http://${bad.name}:8000/`], '200 3');
  assert.equal(result['tcp 169.254.169.254 80'], 'EPERM');
  assert.ok(lab.packetsTo(bad.address, 8000) > before);
  const events = eventsOf(ended.stderr);
  const seen = events.map(({ action, domain, ip, port }) => `${action} ${domain} ${ip} ${port}`);
  assert.deepEqual(
    new Set(seen),
    new Set([
      `allow ${good.name} ${good.address} 8000`,
      `observe ${bad.name} ${bad.address} 8000`,
      'block null 169.254.169.254 80',
    ]),
    ended.stderr,
  );
});

test('what was allowed is evidence as well: who reached what by which rule', { skip }, async () => {
  const command = probe(
    `get http://${good.name}:8000/`,
    `get http://${good.name}:8000/`,
    `lookup ${good.name}`,
  );
  const ended = await stage().run({ policy, flags: ['--json'], command });
  const [row, ...others] = new Map(
    eventsOf(ended.stderr).map((event) => [`${event.domain} ${event.ip}`, event]),
  ).values();
  assert.deepEqual(others, [], ended.stderr);
  assert.deepEqual(
    [row?.action, row?.reason, row?.domain, row?.ip, row?.port, row?.protocol, row?.rule],
    ['allow', 'name', good.name, good.address, 8000, 'tcp', 'EgressPolicy default/test allow[0]'],
  );
  assert.match(row?.exe ?? '', /node/);
  const people = await stage().run({ policy, command });
  assert.equal(people.stderr, '');
});

test('an allowed name that was looked up and not reached is told at the end', {
  skip,
}, async () => {
  const ended = await stage().run({
    policy,
    flags: ['--json'],
    command: probe(`lookup ${good.name}`),
  });
  assert.deepEqual(
    eventsOf(ended.stderr).map(({ action, domain, ip, count }) => [action, domain, ip, count]),
    [['allow', good.name, null, 1]],
  );
});

test('rules count for the project and job that selectors name, and for no other', {
  skip,
}, async () => {
  const selective: PolicySpec = { ...policy, selector: { projects: ['7'], jobs: ['build'] } };
  const step = `get http://${good.name}:8000/`;
  const as = async (...flags: string[]) =>
    outcomes((await stage().run({ policy: selective, flags, command: probe(step) })).stdout)[step];
  assert.equal(await as('--project', '7', '--job', 'build'), '200 3');
  assert.notEqual(await as('--project', '8', '--job', 'build'), '200 3');
  assert.notEqual(await as('--project', '7', '--job', 'test'), '200 3');
  assert.notEqual(await as(), '200 3');
});

test('--output: the same events in a file; a link is not followed', { skip }, async () => {
  const { work } = stage();
  const file = join(work, 'events.json');
  const command = probe(`tcp ${bad.address} 8000`, `tcp ${bad.address} 8000`);
  const ended = await stage().run({ policy, flags: ['--output', file], command });
  assert.equal(ended.code, 0, ended.stderr);
  const events = eventsOf(readFileSync(file, 'utf8'));
  assert.equal(events.at(-1)?.count, 2);
  assert.match(ended.stderr, /^torwacht: blocked/m);
  await stage().lab.run('host', 'ln', ['-sf', '/etc/hostname', join(work, 'link')]);
  const flags = ['--output', join(work, 'link')];
  const refused = await stage().run({ policy, flags, command: ['true'] });
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /TW_RUN_OUTPUT/);
});

test('hostile names are shown escaped', { skip }, async () => {
  const command = [
    'bash',
    '-c',
    `exec -a "$(printf 'evil\\033[31m')" bash -c 'exec 3<>/dev/tcp/${bad.address}/8000'`,
  ];
  const ended = await stage().run({ policy, command });
  assert.ok(
    !ended.stderr.split('\n').some((line) => line.startsWith('torwacht') && line.includes('\x1b')),
  );
  const name = 'a\\027b.example.test';
  const dig = await stage().run({ policy, command: ['dig', '+time=2', '+tries=1', name] });
  assert.match(dig.stderr, /blocked \S*example\.test/);
  assert.ok(!dig.stderr.includes('\x1b'));
});

test('secrets in arguments are masked in lines, table, events and file', { skip }, async () => {
  const token = 'glpat-0123456789abcdefghij';
  const command = [
    ...['bash', '-c', `exec 3<>/dev/tcp/${bad.address}/8000; getent hosts ${token}.example.test`],
    ...['x', '--password=hunter2', token],
  ];
  const file = join(stage().work, 'masked.jsonl');
  for (const flags of [['--json', '--output', file], []]) {
    const ended = await stage().run({ policy, flags, command });
    const rows = ended.stderr.split('\n').filter((line) => /torwacht|"version"|bash/.test(line));
    const told = rows.filter((line) => !line.startsWith('bash: ')).join('\n');
    assert.match(told, /\[MASKED\]\.example\.test/);
    assert.doesNotMatch(told, /hunter2|0123456789/);
  }
  const written = readFileSync(file, 'utf8');
  assert.doesNotMatch(written, /hunter2|0123456789/);
  const row = eventsOf(written).find(({ ip }) => ip === bad.address);
  assert.match(
    row?.argv ?? '',
    /^bash -c '.*getent hosts \[MASKED\]\.example\.test' x --password=\[MASKED\] \[MASKED\]$/,
  );
});
