/** What passes and what does not, as real packets: the other side is the witness. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomes, probe } from './probe.ts';
import { tableOf } from './rows.ts';
import { type PolicySpec, sharedStage, skip, until } from './stage.ts';

const good = { name: 'good.example.test', address: '192.0.2.20' };
const bad = { name: 'bad.example.test', address: '198.51.100.66' };
const six = '2001:db8:1::20';
const SIZE = 6 << 20;

const policy: PolicySpec = {
  allow: [
    { fqdn: [good.name], ports: [{ port: 8000 }, { port: 5000, protocol: 'UDP' }] },
    // Whatever a policy says, these stay closed.
    { cidr: ['169.254.0.0/16'], ports: [{ port: 80 }] },
    {
      cidr: ['192.0.2.40/32'],
      ports: [{ port: 53 }, { port: 53, protocol: 'UDP' }, { port: 853 }],
    },
  ],
};

const stage = sharedStage('network', async (lab) => {
  for (const address of [six, '192.0.2.40']) lab.addAddress(address);
  await Promise.all([
    lab.dnsmasq([good, bad, { name: good.name, address: six }]),
    lab.metadata(),
    lab.sink([
      {
        kind: 'http',
        address: good.address,
        port: 8000,
        replies: { 'GET /large': { body: 'x'.repeat(SIZE) } },
      },
      { kind: 'udp', address: good.address, port: 5000 },
      { kind: 'udp', address: bad.address, port: 5000 },
      { kind: 'tcp', address: bad.address, port: 8000 },
      { kind: 'tcp', address: six, port: 8000 },
    ]),
  ]);
});

async function inside(...steps: string[]) {
  const ended = await stage().run({ policy, command: probe(...steps) });
  return { result: outcomes(ended.stdout), rows: tableOf(ended.stderr), stderr: ended.stderr };
}

async function outside(...steps: string[]) {
  const [node = '', ...args] = probe(...steps);
  return outcomes((await stage().lab.run('host', node, args, { cwd: stage().work })).stdout);
}

const always = [
  'tcp 169.254.169.254 80',
  'tcp 192.0.2.40 53',
  'udp 192.0.2.40 853',
  'tcp 192.0.2.40 853',
  `tcp ${six} 8000`,
  `tcp ::ffff:${bad.address} 8000`,
  `udp ::ffff:${bad.address} 5000`,
  `tcp ${bad.address} 8000`,
  `udp ${bad.address} 5000`,
];

test('control: without torwacht all of it leaves the machine', { skip }, async () => {
  await outside(...always.filter((step) => !step.includes('192.0.2.40')));
  const { lab } = stage();
  for (const [address, port] of [
    ['169.254.169.254', 80],
    [six, 8000],
    [bad.address, 8000],
    [bad.address, 5000],
  ] as const) {
    assert.ok(lab.packetsTo(address, port) > 0, `${address}:${port}`);
  }
});

test('refused at once, not one packet leaves, each with its row', { skip }, async () => {
  const { lab } = stage();
  const addresses = ['169.254.169.254', '192.0.2.40', six, bad.address];
  const before = addresses.map((address) => lab.packetsTo(address));
  const { result, rows } = await inside(...always.filter((step) => step !== 'tcp 192.0.2.40 53'));
  for (const [step, outcome] of Object.entries(result)) assert.equal(outcome, 'EPERM', step);
  assert.deepEqual(
    addresses.map((address) => lab.packetsTo(address)),
    before,
  );
  const rules = rows.map(({ ip, port, rule }) => `${ip} ${port} ${rule}`);
  for (const expected of [
    '169.254.169.254 80 always: cloud metadata',
    '192.0.2.40 853 always: DNS over TLS',
    `${six} 8000 always: IPv6`,
    `${bad.address} 8000 default: no rule allows it`,
    `${bad.address} 5000 default: no rule allows it`,
  ]) {
    assert.ok(rules.includes(expected), `${expected} in\n${rules.join('\n')}`);
  }
});

test('port 53 of any other server leads to our resolver', { skip }, async () => {
  const { lab } = stage();
  const command = ['dig', '+short', '+time=2', '+tries=1', '@192.0.2.40', good.name, 'A'];
  const byUdp = await stage().run({ policy, command });
  assert.equal(byUdp.stdout, `${good.address}\n`, byUdp.stderr);
  const byTcp = await stage().run({ policy, command: [...command, '+tcp'] });
  assert.equal(byTcp.stdout, `${good.address}\n`, byTcp.stderr);
  assert.equal(lab.packetsTo('192.0.2.40', 53), 0);
});

test('allowed by name: TCP, UDP and a large download', { skip }, async () => {
  const { result, rows, stderr } = await inside(
    `lookup ${good.name}`,
    `udp ${good.address} 5000`,
    `tcp ${good.address} 8000`,
    `get http://${good.name}:8000/large`,
  );
  assert.equal(result[`lookup ${good.name}`], good.address);
  assert.equal(result[`udp ${good.address} 5000`], 'ok');
  assert.equal(result[`tcp ${good.address} 8000`], 'ok');
  assert.equal(result[`get http://${good.name}:8000/large`], `200 ${SIZE}`);
  assert.deepEqual(rows, [], stderr);
});

test('an allowed address is closed on other ports, and before its name was looked up', {
  skip,
}, async () => {
  const { result } = await inside(
    `tcp ${good.address} 8000`,
    `lookup ${good.name}`,
    `tcp ${good.address} 8001`,
    `udp ${good.address} 8000`,
  );
  assert.equal(result[`tcp ${good.address} 8000`], 'EPERM');
  assert.equal(result[`tcp ${good.address} 8001`], 'EPERM');
  assert.equal(result[`udp ${good.address} 8000`], 'EPERM');
});

test('what one run has learned is of no use to another', { skip }, async () => {
  const first = stage().start({
    policy,
    command: [
      process.execPath,
      '-e',
      `require('dns').lookup('${good.name}', () => { console.log('known'); setTimeout(() => {}, 20000) })`,
    ],
  });
  await until(() => first.stdout().includes('known'), 'the first run’s look-up');
  const { result } = await inside(`tcp ${good.address} 8000`);
  assert.equal(result[`tcp ${good.address} 8000`], 'EPERM');
  first.child.kill('SIGTERM');
  assert.equal(await first.ended, 143);
});

test('loopback: the command’s own service answers, another’s needs a rule', { skip }, async () => {
  const serve = `const net = require('node:net');
    const own = net.createServer((s) => s.end('own')).listen(0, '127.0.0.1', () => {
      net.connect(own.address().port, '127.0.0.1').on('data', (d) => { console.log(String(d)); own.close(); })
        .on('error', (e) => { console.log(e.code); own.close(); });
    });`;
  const own = await stage().run({ policy, command: [process.execPath, '-e', serve] });
  assert.equal(own.stdout, 'own\n', own.stderr);

  const listen = `require('node:net').createServer((s) => s.end()).listen(7070, '127.0.0.1', () => console.log('up'))`;
  const service = stage().lab.spawn('host', process.execPath, ['-e', listen]);
  await new Promise((done) => service.stdout?.once('data', done));
  assert.equal((await outside('tcp 127.0.0.1 7070'))['tcp 127.0.0.1 7070'], 'ok');
  const closed = await inside('tcp 127.0.0.1 7070');
  assert.equal(closed.result['tcp 127.0.0.1 7070'], 'EPERM');
  assert.match(closed.stderr, /a service of this host/);
  const open: PolicySpec = { allow: [{ cidr: ['127.0.0.1/32'], ports: [{ port: 7070 }] }] };
  const allowed = await stage().run({ policy: open, command: probe('tcp 127.0.0.1 7070') });
  assert.equal(outcomes(allowed.stdout)['tcp 127.0.0.1 7070'], 'ok', allowed.stderr);
  service.kill('SIGKILL');
});
