/** Sockets of the addon, tried with Node's own and with each other. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { addressOf, type DatagramEvents, openDatagrams, type Peer, portOf } from './datagrams.ts';
import { native } from './native.ts';

const descriptors = () => readdirSync('/proc/self/fd').length;

/** What came, and what failed; `until` waits for so many of both. */
function recorder() {
  const came: { bytes: Buffer; peer: Peer }[] = [];
  const faults: unknown[] = [];
  let wake = (): void => {};
  const events: DatagramEvents = {
    message(bytes, peer) {
      came.push({ bytes, peer });
      wake();
    },
    failed(error) {
      faults.push(error);
      wake();
    },
  };
  const until = async (count: number): Promise<void> => {
    const alive = setInterval(() => {}, 1000);
    while (came.length + faults.length < count) await new Promise<void>((done) => (wake = done));
    clearInterval(alive);
  };
  return { came, faults, events, until };
}

function bound(t: TestContext, events: DatagramEvents, address = '127.0.0.1') {
  const { fd, port } = native().openSocket(
    address.includes(':') ? 'udp6' : 'udp',
    address,
    0,
    0,
    '',
  );
  const socket = openDatagrams(fd, events);
  t.after(() => socket.close());
  return { socket, port };
}

for (const [address, type] of [
  ['127.0.0.1', 'udp4'],
  ['::1', 'udp6'],
] as const) {
  test(`datagrams come with their sender, who gets the answer (${address})`, async (t) => {
    const { came, events, until } = recorder();
    const { socket, port } = bound(t, events, address);
    const other = createSocket(type);
    t.after(() => other.close());
    await new Promise<void>((done) => other.bind(0, address, done));
    other.send('a question', port, address);
    await until(1);
    const [first] = came;
    assert.ok(first);
    assert.equal(`${first.bytes}`, 'a question');
    assert.equal(addressOf(first.peer), address);
    assert.equal(portOf(first.peer), other.address().port);
    socket.send(Buffer.from('an answer'), first.peer);
    const [answer, from] = await once(other, 'message');
    assert.deepEqual([`${answer}`, from.port], ['an answer', port]);
  });
}

test('many that wait are given in order, more than one reading takes, of any size', async (t) => {
  const { came, faults, events, until } = recorder();
  const { port } = bound(t, events);
  const sender = openDatagrams(native().connectSocket('udp', '127.0.0.1', port), recorder().events);
  t.after(() => sender.close());
  const sizes = [0, 1, 65_507, ...Array.from({ length: 97 }, (_, i) => i)];
  for (const [i, size] of sizes.entries()) sender.send(Buffer.alloc(size, i));
  await until(sizes.length);
  assert.deepEqual(
    came.map(({ bytes }) => bytes),
    sizes.map((size, i) => Buffer.alloc(size, i)),
  );
  assert.deepEqual(faults, []);
});

test('a connected socket learns that nobody listens, and takes nothing from others', async (t) => {
  const { came, faults, events, until } = recorder();
  const { fd, port } = native().openSocket('udp', '127.0.0.1', 0, 0, '');
  const connected = native().connectSocket('udp', '127.0.0.1', port);
  const own = native().socketName(connected).port;
  const socket = openDatagrams(connected, events);
  t.after(() => socket.close());
  const stranger = createSocket('udp4');
  t.after(() => stranger.close());
  await new Promise<void>((done) => stranger.send('psst', own, '127.0.0.1', () => done()));
  native().close(fd);
  socket.send(Buffer.from('anyone?'));
  await until(1);
  assert.deepEqual(came, []);
  assert.deepEqual(
    faults.map((error) => (error as NodeJS.ErrnoException).code),
    ['ECONNREFUSED'],
  );
});

test('what a receiver throws is told, and those behind it still come', async (t) => {
  const { came, faults, events, until } = recorder();
  const message: DatagramEvents['message'] = (bytes, peer) => {
    if (`${bytes}` === 'bad') throw new Error('thrown');
    events.message(bytes, peer);
  };
  const { port } = bound(t, { ...events, message });
  const sender = openDatagrams(native().connectSocket('udp', '127.0.0.1', port), events);
  t.after(() => sender.close());
  for (const text of ['bad', 'good']) sender.send(Buffer.from(text));
  await until(2);
  assert.deepEqual([came.map(({ bytes }) => `${bytes}`), faults.length], [['good'], 1]);
});

test('closed in the middle of a reading, it gives nothing more, and its port is free', async (t) => {
  const before = descriptors();
  const { came, events, until } = recorder();
  const { fd, port } = native().openSocket('udp', '127.0.0.1', 0, 0, '');
  const socket = openDatagrams(fd, {
    ...events,
    message(bytes, peer) {
      socket.close();
      native().close(native().openSocket('udp', '127.0.0.1', port, 0, '').fd);
      events.message(bytes, peer);
    },
  });
  const sender = openDatagrams(native().connectSocket('udp', '127.0.0.1', port), events);
  for (const text of ['one', 'two', 'three']) sender.send(Buffer.from(text));
  await until(1);
  await sleep(50);
  assert.equal(came.length, 1);
  socket.close();
  assert.throws(() => socket.send(Buffer.from('late')), { code: 'EBADF' });
  sender.close();
  t.diagnostic(`${descriptors()} descriptors, ${before} before`);
  assert.equal(descriptors(), before);
});

test('what is no UDP socket is refused and stays open', (t) => {
  const { fd } = native().openSocket('tcp', '127.0.0.1', 0, 0, '');
  t.after(() => native().close(fd));
  assert.throws(() => openDatagrams(fd, recorder().events), { code: 'EPROTOTYPE' });
  assert.throws(() => openDatagrams(0x7fff_ffff, recorder().events), { code: 'EBADF' });
  assert.equal(native().socketName(fd).address, '127.0.0.1');
});

test('memory that JavaScript gave away is not written to', async (t) => {
  const { fd, port } = native().openSocket('udp', '127.0.0.1', 0, 0, '');
  const room = Buffer.from(new ArrayBuffer(70_000));
  const told: number[][] = [];
  const socket = native().datagramsOpen(fd, room, (...all) => told.push(all));
  t.after(() => native().datagramsClose(socket));
  structuredClone(room.buffer, { transfer: [room.buffer] });
  const sender = createSocket('udp4');
  t.after(() => sender.close());
  await new Promise<void>((done) => sender.send('x', port, '127.0.0.1', () => done()));
  while (told.length === 0) await sleep(5);
  native().datagramsClose(socket);
  assert.deepEqual(told[0], [0, 105], 'ENOBUFS');
});
