import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { wireQuery } from '#dns/testing/wire.ts';
import type { Answerer } from './listen.ts';
import { listenByTcp, type TcpLimits } from './tcp-server.ts';
import { frame } from './testing/authority.ts';
import { serve } from './testing/policy.ts';
import { listenByUdp } from './udp-server.ts';

const loopback = { address: '127.0.0.1', port: 0 };
const echo: Answerer = (request) => Promise.resolve(request);

async function dial(t: TestContext, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** The server closed, gently or not. */
async function gone(socket: Socket): Promise<void> {
  socket.resume();
  await Promise.race([once(socket, 'end'), once(socket, 'close')]);
}

/** Collects framed messages; `next` waits for so many of them. */
function reader(socket: Socket): (count: number) => Promise<Buffer[]> {
  let received = Buffer.alloc(0);
  const messages: Buffer[] = [];
  let wake = (): void => {};
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      messages.push(received.subarray(2, end));
      received = received.subarray(end);
    }
    wake();
  });
  socket.on('close', () => wake());
  return async (count) => {
    while (messages.length < count && !socket.destroyed) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return messages.splice(0, count);
  };
}

async function tcp(t: TestContext, answer: Answerer, limits: Partial<TcpLimits> = {}) {
  const faults: unknown[] = [];
  const server = await listenByTcp({
    answer,
    where: loopback,
    limits,
    fault: (e) => faults.push(e),
  });
  t.after(() => server.close());
  return { port: server.port, faults };
}

test('every message of a pipelined segment is judged by itself', async (t) => {
  const { port, refused } = await serve(t);
  const socket = await dial(t, port);
  const next = reader(socket);
  const names = ['www.test', 'evil.test', 'many.test', 'evil2.test', 'www.test'];
  socket.write(Buffer.concat(names.map((name, id) => frame(wireQuery({ id, name })))));
  const replies = await next(names.length);
  const codes = new Map(
    replies.map((reply) => [reply.readUInt16BE(0), reply.readUInt16BE(2) & 15]),
  );
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((id) => codes.get(id)),
    [0, 3, 0, 3, 0],
  );
  assert.deepEqual(
    refused.map(({ name }) => name),
    ['evil.test', 'evil2.test'],
  );
});

test('a second question hidden behind the first is refused with both', async (t) => {
  const { port, learned } = await serve(t);
  const socket = await dial(t, port);
  const next = reader(socket);
  const evil = wireQuery({ name: 'evil.test' }).subarray(12);
  socket.write(frame(wireQuery({ name: 'www.test', counts: [2, 0, 0, 0], tail: evil })));
  const [reply] = await next(1);
  assert.equal((reply?.readUInt16BE(2) ?? 0) & 15, 1);
  assert.deepEqual(learned, []);
});

test('messages cut at every byte are put together again', async (t) => {
  const { port } = await tcp(t, echo);
  const socket = await dial(t, port);
  socket.setNoDelay(true);
  const next = reader(socket);
  const stream = Buffer.concat([frame(Buffer.from('first')), frame(Buffer.from('second'))]);
  for (const byte of stream) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual((await next(2)).map(String), ['first', 'second']);
});

test('replies still come after the client has closed its side', async (t) => {
  const pending: (() => void)[] = [];
  const { port } = await tcp(
    t,
    (request) =>
      new Promise((resolve) => {
        pending.push(() => resolve(request));
      }),
  );
  const socket = await dial(t, port);
  const next = reader(socket);
  socket.end(Buffer.concat([frame(Buffer.from('one')), frame(Buffer.from('two'))]));
  while (pending.length < 2) await new Promise((resolve) => setImmediate(resolve));
  for (const release of pending) release();
  assert.deepEqual((await next(2)).map(String), ['one', 'two']);
  if (!socket.destroyed) await once(socket, 'close');
});

test('so many messages of one connection wait, and no more, until one is answered', async (t) => {
  const pending: (() => void)[] = [];
  const { port } = await tcp(
    t,
    (request) =>
      new Promise((resolve) => {
        pending.push(() => resolve(request));
      }),
    { inFlight: 3 },
  );
  const socket = await dial(t, port);
  const next = reader(socket);
  socket.write(Buffer.concat(Array.from({ length: 10 }, (_, i) => frame(Buffer.from([i])))));
  while (pending.length < 3) await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  const held: number = pending.length;
  assert.equal(held, 3);
  for (let done = 0; done < 10; done++) {
    while (pending.length === 0) await new Promise((resolve) => setImmediate(resolve));
    pending.shift()?.();
  }
  assert.equal((await next(10)).length, 10);
});

test('a client that does not read its replies is not read either', async (t) => {
  let answered = 0;
  const big = Buffer.alloc(60_000);
  const { port } = await tcp(
    t,
    () => {
      answered++;
      return Promise.resolve(big);
    },
    { idle: 60_000 },
  );
  const socket = await dial(t, port);
  socket.pause();
  const messages = 5000;
  socket.write(Buffer.concat(Array.from({ length: messages }, () => frame(Buffer.from('x')))));
  // Settles once the kernel's buffers are full.
  for (let last = -1; last !== answered; ) {
    last = answered;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(answered < messages / 2, `${answered} replies of 60 kB were made for nobody`);
});

test('too long a message closes the connection', async (t) => {
  let answered = 0;
  const { port } = await tcp(t, (request) => {
    answered++;
    return echo(request, { address: '', port: 0, transport: 'tcp' });
  });
  const socket = await dial(t, port);
  socket.write(Buffer.from([0xff, 0xff, 1, 2, 3]));
  await gone(socket);
  assert.equal(answered, 0);
});

test('an idle connection is closed, and connections beyond the limit too', async (t) => {
  const { port } = await tcp(t, echo, { idle: 100 });
  const idle = await dial(t, port);
  await gone(idle);

  const narrow = await tcp(t, echo, { connections: 1 });
  const first = await dial(t, narrow.port);
  const next = reader(first);
  const second = await dial(t, narrow.port);
  await gone(second);
  first.write(frame(Buffer.from('still here')));
  assert.deepEqual((await next(1)).map(String), ['still here']);
});

test('one message that fails is told and costs no other', async (t) => {
  const answer: Answerer = (request) =>
    request[0] === 0 ? Promise.reject(new Error('boom')) : Promise.resolve(request);
  const { port, faults } = await tcp(t, answer);
  const socket = await dial(t, port);
  const next = reader(socket);
  socket.write(Buffer.concat([frame(Buffer.from([0])), frame(Buffer.from([1]))]));
  assert.deepEqual(await next(1), [Buffer.from([1])]);
  assert.equal(faults.length, 1);
});

async function udpClient(t: TestContext): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

test('by UDP one message that fails or gets no reply costs no other', async (t) => {
  const faults: unknown[] = [];
  const answer: Answerer = (request) =>
    request[0] === 0
      ? Promise.reject(new Error('boom'))
      : Promise.resolve(request[0] === 1 ? null : request);
  const server = await listenByUdp({ answer, where: loopback, fault: (e) => faults.push(e) });
  t.after(() => server.close());
  const client = await udpClient(t);
  for (const byte of [0, 1, 2]) client.send(Buffer.from([byte]), server.port, '127.0.0.1');
  const [reply] = (await once(client, 'message')) as [Buffer];
  assert.deepEqual([reply, faults.length], [Buffer.from([2]), 1]);
});

test('a reply that is ready after closing is told, not thrown', async (t) => {
  const faults: unknown[] = [];
  let release = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    void listenByUdp({
      where: loopback,
      fault: (e) => faults.push(e),
      answer: (request) => {
        resolve();
        return new Promise((reply) => {
          release = () => reply(request);
        });
      },
    }).then(async (server) => {
      const client = await udpClient(t);
      client.send('x', server.port, '127.0.0.1');
      await arrived;
      await server.close();
      release();
    });
  });
  await arrived;
  while (faults.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((faults[0] as { code: string }).code, 'EBADF');
});

test('a port that is taken is an error with a code', async (t) => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  t.after(() => holder.close());
  const bound = holder.address();
  assert.ok(bound !== null && typeof bound === 'object');
  const where = { address: '127.0.0.1', port: bound.port };
  await assert.rejects(listenByTcp({ answer: echo, where }), { code: 'TW_RESOLVER_LISTEN' });
  const udp = await listenByUdp({ answer: echo, where: loopback });
  t.after(() => udp.close());
  const taken = { address: '127.0.0.1', port: udp.port };
  await assert.rejects(listenByUdp({ answer: echo, where: taken }), { code: 'TW_RESOLVER_LISTEN' });
  await assert.rejects(listenByUdp({ answer: echo, where: { fd: 9999 } }), {
    code: 'TW_RESOLVER_LISTEN',
  });
});

/** The descriptor of a socket of ours, to be handed to a child. */
function descriptor(socket: object): number {
  const handle = Reflect.get(socket, '_handle') ?? Reflect.get(socket, kernelHandle(socket)).handle;
  return Reflect.get(handle, 'fd');
}

function kernelHandle(socket: object): symbol {
  const found = Object.getOwnPropertySymbols(socket).find(
    (key) => key.description === 'state symbol',
  );
  assert.ok(found);
  return found;
}

test('sockets that someone else opened are served by descriptor', async (t) => {
  const udp = await udpClient(t);
  const tcpHolder = createServer();
  await new Promise<void>((resolve) => tcpHolder.listen(0, '127.0.0.1', resolve));
  t.after(() => tcpHolder.close());
  const bound = tcpHolder.address();
  assert.ok(bound !== null && typeof bound === 'object');
  const script = fileURLToPath(new URL('./testing/serve-descriptors.ts', import.meta.url));
  const child = spawn(process.execPath, [script], {
    stdio: ['ignore', 'pipe', 'inherit', descriptor(udp), descriptor(tcpHolder)],
  });
  t.after(() => child.kill());
  const udpPort = udp.address().port;
  const ready = await once(child.stdout as NodeJS.ReadableStream, 'data');
  assert.deepEqual(JSON.parse(String(ready[0])), [udpPort, bound.port]);
  tcpHolder.close();

  const client = await udpClient(t);
  const reply = new Promise<Buffer>((resolve) => client.once('message', resolve));
  // Our handle still reads the same socket, so it may take a datagram from the child: send until one gets there.
  const resend = setInterval(() => client.send('hello', udpPort, '127.0.0.1'), 20);
  t.after(() => clearInterval(resend));
  assert.equal(String(await reply), 'hello');
  const socket = await dial(t, bound.port);
  socket.write(frame(Buffer.from('hello')));
  assert.deepEqual((await reader(socket)(1)).map(String), ['hello']);
});
