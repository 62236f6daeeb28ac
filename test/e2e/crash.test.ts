/** SIGKILL of torwacht in the middle of traffic: what was refused stays refused to the last packet. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Progress, Traffic } from './fixtures/traffic.ts';
import { recordOf } from './record.ts';
import {
  createStage,
  type PolicySpec,
  readIfThere,
  type Stage,
  skip,
  TORWACHT,
  until,
} from './stage.ts';

const good = { name: 'good.example.test', address: '192.0.2.20' };
const bad = { name: 'bad.example.test', address: '198.51.100.66' };

const policy: PolicySpec = {
  allow: [
    { fqdn: [good.name], ports: [{ port: 8000 }, { port: 5000, protocol: 'UDP' }] },
    { cidr: ['192.0.2.21/32'], ports: [{ port: 8000 }] },
  ],
};

const traffic: Traffic = {
  tcp: [`${good.address}:8000`, '192.0.2.21:8000', `${bad.address}:8000`, '192.0.2.21:8001'],
  udp: [`${good.address}:5000`, `${bad.address}:5000`],
  names: [good.name, bad.name],
  servers: [bad.address],
};
const command = [process.execPath, join(import.meta.dirname, 'fixtures/traffic.ts')];

async function world(t: Parameters<typeof createStage>[0], label: string): Promise<Stage> {
  const stage = createStage(t, label, { addresses: [bad.address, '192.0.2.21'] });
  await Promise.all([
    stage.lab.dnsmasq([good, bad]),
    stage.lab.sink([
      { kind: 'tcp', address: good.address, port: 8000 },
      { kind: 'tcp', address: '192.0.2.21', port: 8000 },
      { kind: 'udp', address: good.address, port: 5000 },
      { kind: 'tcp', address: bad.address, port: 8000 },
      { kind: 'udp', address: bad.address, port: 5000 },
    ]),
  ]);
  return stage;
}

function progress({ work }: Stage): Progress {
  const text = readIfThere(join(work, 'progress.json'));
  return text === '' ? { round: 0, last: {} } : (JSON.parse(text) as Progress);
}

const rounds = (stage: Stage, count: number): Promise<void> =>
  until(() => progress(stage).round >= count, `round ${count} of the traffic`);

const cleanup = (stage: Stage) => stage.lab.run('host', TORWACHT, ['cleanup']);

test('control: the same traffic without torwacht arrives', { skip, timeout: 60_000 }, async (t) => {
  const stage = await world(t, 'crashfree');
  const [node = '', ...args] = [...command, JSON.stringify(traffic)];
  stage.lab.spawn('host', node, args, { cwd: stage.work, stdio: 'ignore' });
  await rounds(stage, 3);
  writeFileSync(join(stage.work, 'stop'), '');
  assert.equal(progress(stage).last[`tcp ${bad.address}:8000`], 'ok');
  assert.equal(progress(stage).last[`udp ${bad.address}:5000`], 'ok');
  for (const port of [8000, 5000, 53]) assert.ok(stage.lab.packetsTo(bad.address, port) > 0);
  assert.ok(stage.lab.packetsTo('192.0.2.21', 8001) > 0);
});

for (const sweeper of ['cleanup', 'the next run'] as const) {
  test(`SIGKILL in the middle of traffic, then ${sweeper}`, {
    skip,
    timeout: 90_000,
  }, async (t) => {
    const stage = await world(t, 'crash');
    const run = stage.start({ policy, command: [...command, JSON.stringify(traffic)] });
    await rounds(stage, 3);
    // Attempts to addresses of before the first look-up were refused; by now they are learned.
    await until(() => progress(stage).last[`tcp ${good.address}:8000`] === 'ok', 'allowed traffic');
    const record = recordOf(run.pid);
    const known = progress(stage).round;
    assert.equal(progress(stage).last[`lookup ${good.name}`], 'ok');

    run.child.kill('SIGKILL');
    await until(() => !existsSync(`/proc/${run.pid}`) || run.child.signalCode !== null, 'its end');
    const asked = stage.lab.packetsTo(stage.lab.dnsAddress);
    const arrived = stage.lab.packetsTo(good.address, 8000);
    await rounds(stage, Math.max(known, progress(stage).round) + 12);

    const { last } = progress(stage);
    assert.equal(last[`tcp ${good.address}:8000`], 'ok', 'a learned address goes on');
    assert.equal(last['tcp 192.0.2.21:8000'], 'ok', 'a prefix goes on');
    assert.equal(last[`udp ${good.address}:5000`], 'ok');
    assert.equal(last[`tcp ${bad.address}:8000`], 'EPERM');
    assert.equal(last[`udp ${bad.address}:5000`], 'EPERM');
    assert.equal(last['tcp 192.0.2.21:8001'], 'EPERM');
    for (const name of [good.name, bad.name]) {
      assert.notEqual(last[`lookup ${name}`], 'ok', 'look-ups fail');
      assert.notEqual(last[`ask ${bad.address} ${name}`], 'ok', 'whatever server is named');
    }
    assert.ok(stage.lab.packetsTo(good.address, 8000) > arrived);

    const held = await cleanup(stage);
    assert.match(held.stdout, new RegExp(`^still held, run ${record.id}: `, 'm'));
    assert.equal(held.code, 1);
    assert.ok(existsSync(record.cgroup) && existsSync(record.pins));
    const again = progress(stage).round;
    await rounds(stage, again + 5);
    assert.equal(
      progress(stage).last[`tcp ${bad.address}:8000`],
      'EPERM',
      'held after cleanup too',
    );

    writeFileSync(join(stage.work, 'stop'), '');
    await until(
      () => /^populated 0$/m.test(readIfThere(`${record.cgroup}/cgroup.events`)),
      'the end',
    );
    assert.equal(stage.lab.packetsTo(bad.address), 0, 'not one packet to the denied address');
    assert.equal(stage.lab.packetsTo('192.0.2.21', 8001), 0);
    assert.equal(stage.lab.packetsTo(stage.lab.dnsAddress), asked, 'nobody was asked for a name');

    if (sweeper === 'cleanup') {
      const removed = await cleanup(stage);
      assert.match(removed.stdout, new RegExp(`^removed run ${record.id}: `, 'm'));
    } else {
      const next = await stage.run({ policy, command: ['true'] });
      assert.equal(next.code, 0);
      assert.match(next.stderr, /removed what .* had left/);
    }
    for (const path of [record.cgroup, record.pins, record.file])
      assert.ok(!existsSync(path), path);
  });
}
