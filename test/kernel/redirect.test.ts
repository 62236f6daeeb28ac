/** Port 53 of a target in a shared network namespace goes to its resolver, and nothing else does. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import packet from 'dns-packet';
import { lookUp, query, readAnswer } from './queries.ts';
import { createWorld, type Probe, skip, type World } from './world.ts';

const GOOD = '192.0.2.20';
const SERVER = '192.0.2.53';
/** Nobody answers there: whoever gets an answer from it was redirected. */
const NOBODY = '198.51.100.99';
const NAME = 'good.example.test';

let world: World;
let inside: Probe;
let outside: Probe;
let port: number;

before(async () => {
  if (skip) return;
  // A flood is one on the slowest machine.
  world = await createWorld({ names: { [NAME]: ['8000'] } }, {}, { queriesPerSecond: 1 });
  await world.lab.dnsmasq([
    { name: NAME, address: GOOD, ttl: 60 },
    { name: 'bad.example.test', address: '198.51.100.7', ttl: 60 },
  ]);
  await world.lab.sink([{ kind: 'tcp', address: GOOD, port: 8000 }]);
  world.lab.addAddress(NOBODY);
  inside = await world.probe('inside');
  outside = await world.probe('outside');
  port = await world.holder.resolverPort();
});
after(() => world?.close());

test('before its look-up, an address of an allowed name is refused', { skip }, async () => {
  assert.equal(await inside.connect('tcp', GOOD, 8000), 'EPERM');
});

for (const [server, shown] of [
  [SERVER, SERVER],
  [NOBODY, NOBODY],
  [`::ffff:${SERVER}`, `[::ffff:${SERVER}]`],
  [`::ffff:${NOBODY}`, `[::ffff:${NOBODY}]`],
] as const) {
  test(`a datagram to port 53 of ${server} is answered from there`, { skip }, async () => {
    const packets = world.lab.packetsTo(NOBODY);
    assert.equal(await lookUp(inside, server, NAME), `${GOOD} from ${shown}:53`);
    assert.equal(world.lab.packetsTo(NOBODY), packets);
  });

  test(`a connected UDP socket sees ${server} as its peer`, { skip }, async () => {
    const fd = await inside.ask('socket', server.includes(':') ? 'udp6' : 'udp');
    assert.equal(await inside.ask('connect', fd, server, 53), '0');
    assert.equal(await inside.ask('peer', fd), `${shown}:53`);
    assert.match(await inside.ask('send', fd, query(NAME).toString('hex')), /^\d+$/);
    assert.equal(readAnswer(await inside.ask('recv', fd)), `${GOOD} from ${shown}:53`);
  });

  test(`a TCP connection to port 53 of ${server} sees it as its peer`, { skip }, async () => {
    const fd = await inside.ask('socket', server.includes(':') ? 'tcp6' : 'tcp');
    assert.equal(await inside.ask('connect', fd, server, 53), '0');
    assert.equal(await inside.ask('peer', fd), `${shown}:53`);
    const message = query(NAME);
    const length = Buffer.from([message.length >> 8, message.length & 255]);
    await inside.ask('send', fd, Buffer.concat([length, message]).toString('hex'));
    const [bytes = ''] = (await inside.ask('recv', fd)).split(' ');
    const { answers = [] } = packet.streamDecode(Buffer.from(bytes, 'hex'));
    assert.deepEqual(
      answers.map((answer) => answer.type === 'A' && answer.data),
      [GOOD],
    );
  });
}

test('outside, the same look-ups go where they were sent', { skip }, async () => {
  assert.equal(await lookUp(outside, SERVER, NAME), `${GOOD} from ${SERVER}:53`);
  assert.equal(await outside.briefly(() => lookUp(outside, NOBODY, NAME)), 'EAGAIN');
  assert.ok(world.lab.packetsTo(NOBODY, 53) > 0);
});

test('after its look-up, the address is open at the rule’s port alone', { skip }, async () => {
  assert.equal(await inside.connect('tcp', GOOD, 8000), '0');
  assert.equal(await inside.connect('tcp', GOOD, 8001), 'EPERM');
});

test('a denied name does not exist, and its row names the process', { skip }, async () => {
  assert.equal(await lookUp(inside, SERVER, 'bad.example.test'), `NXDOMAIN from ${SERVER}:53`);
  assert.match(await lookUp(outside, SERVER, 'bad.example.test'), /^198\.51\.100\.7 from/);
  const rows = (await world.holder.rows()).filter((row) => row.domain === 'bad.example.test');
  assert.deepEqual(
    rows.map(({ pid, comm, ip, port: at, count }) => ({ pid, comm, ip, port: at, count })),
    [{ pid: inside.pid, comm: 'probe', ip: null, port: null, count: 1 }],
  );
});

test('glibc resolves inside as outside', { skip }, async () => {
  const enter = `echo 0 > ${world.cgroup.path}/cgroup.procs; exec getent ahostsv4 ${NAME}`;
  const { stdout } = await world.lab.run('host', 'sh', ['-ec', enter]);
  assert.match(stdout, new RegExp(`^${GOOD.replaceAll('.', '\\.')} `));
});

test('port 53 by IPv6 is refused', { skip }, async () => {
  assert.equal(await lookUp(inside, '2001:db8:1::53', NAME), 'EPERM');
});

test('nobody but the target may ask its resolver', { skip }, async () => {
  assert.equal(
    await lookUp(inside, '127.0.0.1', NAME, 'udp', port),
    `${GOOD} from 127.0.0.1:${port}`,
  );
  assert.equal(
    await outside.briefly(() => lookUp(outside, '127.0.0.1', NAME, 'udp', port)),
    'EAGAIN',
  );
  assert.equal(await inside.connect('tcp', '127.0.0.1', port), '0');
  assert.equal(
    await outside.briefly(() => outside.connect('tcp', '127.0.0.1', port)),
    'EINPROGRESS',
  );
});

test('the target can neither take nor join the resolver’s port', { skip }, async () => {
  const bind = async (probe: Probe, kind: string, address: string, at: number) =>
    probe.ask('bind', await probe.ask('socket', kind), address, at);
  for (const [kind, address] of [
    ['udp', '0.0.0.0'],
    ['udp', '127.0.0.2'],
    ['tcp', '127.0.0.2'],
    ['udp6', '::1'],
    ['tcp6', '::'],
  ] as const) {
    assert.equal(await bind(inside, kind, address, port), 'EPERM', `${kind} ${address}`);
  }
  assert.equal(await bind(outside, 'udp', '127.0.0.2', port), '0');
  assert.equal(await bind(inside, 'udp', '127.0.0.2', port + 1), '0');
});

test('a flood of queries is cut off in the kernel, and each refusal is counted', {
  skip,
}, async () => {
  const fd = await inside.ask('socket', 'udp');
  const payload = query('bad.example.test').toString('hex');
  const before = (await world.holder.counters()).queries_dropped;
  const refused = Number(await inside.ask('repeat', fd, SERVER, 53, payload, 20_000));
  // A burst of a thousand, of which the tests before this one have used a little, and one a second.
  assert.ok(refused > 15_000 && refused <= 19_100, `${refused} refused`);
  assert.equal((await world.holder.counters()).queries_dropped - before, refused);
  const rows = (await world.holder.rows()).filter((row) => row.reason === 'dns-budget');
  assert.deepEqual(
    rows.map(({ count, pid }) => ({ count, pid })),
    [{ count: refused, pid: inside.pid }],
  );
});
