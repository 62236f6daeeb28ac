/** A socket that had a connection, was disconnected (connect(2), AF_UNSPEC) and is used for something else. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { whileLearned } from './short-lived.ts';
import { createWorld, hex, type Probe, skip, type World } from './world.ts';

const NAME = 'good.example.test';
const GOOD = '192.0.2.20';
/** Each is learned for a moment once. */
const SHORT = ['192.0.2.21', '192.0.2.22'] as const;
const BAD = '198.51.100.7';
/** Of the lab's machine. */
const HERE = '203.0.113.254';
const names = { [NAME]: ['8000', '8001'] };

let world: World;
let inside: Probe;
let outside: Probe;

before(async () => {
  if (skip) return;
  world = await createWorld({ names });
  await world.lab.sink(
    [GOOD, ...SHORT, BAD].map((address) => ({ kind: 'tcp', address, port: 8000 })),
  );
  inside = await world.probe('inside');
  outside = await world.probe('outside');
});
after(() => world?.close());

async function open(probe: Probe, address: string): Promise<string> {
  const fd = await probe.ask('socket', 'tcp');
  assert.equal(await probe.ask('connect', fd, address, 8000), '0');
  assert.equal(await probe.ask('send', fd, hex('a')), '1');
  return fd;
}

test('it cannot be connected again to an address that has expired, an edit in between or not', {
  skip,
}, async () => {
  for (const [edited, address] of [
    [false, SHORT[0]],
    [true, SHORT[1]],
  ] as const) {
    const short = { name: NAME, addresses: [address] };
    const { done: fd, expired } = await whileLearned(world, short, async () => {
      await world.holder.setRules({ names });
      const fd = await open(inside, address);
      if (!edited) return fd;
      await world.holder.setRules({ names: { ...names, 'other.example.test': ['443'] } });
      // Judged anew by its name, for good as long as it is open.
      assert.equal(await inside.ask('send', fd, hex('a')), '1');
      return fd;
    });
    await expired();
    assert.equal(await inside.ask('send', fd, hex('a')), '1', 'an open connection goes on');
    assert.equal(await inside.ask('disconnect', fd), '0');
    assert.equal(await inside.ask('connect', fd, address, 8000), 'EPERM', `edited: ${edited}`);
    await world.holder.learn(NAME, 60, [address]);
    assert.equal(await inside.ask('connect', fd, address, 8000), '0', 'the control');
    await inside.ask('close', fd);
  }
});

/** Connects to a port of the machine, from an address and port of the lab's internet. */
async function call(from: string, port: number, timeout = 30_000): Promise<string> {
  const script = `
    const socket = require('node:net').connect({
      host: '${HERE}', port: ${port}, localAddress: '${from}', localPort: 8001, timeout: ${timeout} });
    const end = (word) => { process.stdout.write(word); process.exit(); };
    socket.on('connect', () => end('connected')).on('timeout', () => end('silence'));
    socket.on('error', (error) => end(error.code));`;
  const ended = await world.lab.run('net', process.execPath, ['-e', script]);
  return ended.stdout;
}

async function listens(probe: Probe, port: number): Promise<void> {
  const fd = await open(probe, GOOD);
  assert.equal(await probe.ask('disconnect', fd), '0');
  assert.equal(await probe.ask('bind', fd, '0.0.0.0', port), '0');
  assert.equal(await probe.ask('listen', fd), '0');
}

test('as a listener it answers nobody but who may be reached', { skip }, async () => {
  await world.holder.setRules({ names });
  await world.holder.learn(NAME, 60, [GOOD]);
  await listens(inside, 9000);
  await listens(outside, 9001);
  // From a port that the name's rules allow; it is the address that was never learned.
  assert.equal(await call(BAD, 9000, 1500), 'silence');
  assert.equal(await call(GOOD, 9000), 'connected');
  assert.equal(await call(BAD, 9001), 'connected', 'the control');
});
