/**
 * Every function of the addon with every kind of wrong argument, and handles used after their end. The
 * suite `asan` runs this with address and undefined-behaviour sanitizers, where a slip is a crash.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { constants, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cgroupOf } from '#agent/cgroup/cgroup.ts';
import { builtPath, type EngineHandle, type Native, native } from './native.ts';
import { packetPrograms, singleTargetSizes } from './programs.ts';
import { loadEngine, refuse } from './testing/refusals.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const ENGINE = 'bpf/engine.bpf.o';
const openDescriptors = () => readdirSync('/proc/self/fd').length;

function engineFor(t: TestContext): EngineHandle {
  const engine = loadEngine(native(), cgroupOf().id);
  t.after(() => native().unload(engine));
  return engine;
}

const detached = () => {
  const buffer = Buffer.from(new ArrayBuffer(4));
  structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
  return buffer;
};

/** Nothing of this is what any argument should be, but for some small numbers and buffers. */
function hostileValues(others: readonly unknown[]): readonly unknown[] {
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new Error('trap');
      },
      has: () => {
        throw new Error('trap');
      },
    },
  );
  return [
    ...[undefined, null, true, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, 2 ** 53],
    ...['', 'none', 'a\0b', '\ud800', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(100_000)],
    ...[1n, -1n, 2n ** 64n, Symbol('x'), () => {}, trap, {}, [], [[]], ['a\0b'], [1]],
    ...[Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(70_000), new Float64Array(1), detached()],
    ...[new DataView(new ArrayBuffer(5)), new ArrayBuffer(4), new SharedArrayBuffer(4)],
    ...others,
  ];
}

/** Good arguments of each function; what it made is undone. */
function goodCalls(t: TestContext, engine: EngineHandle): { [K in keyof Native]: Good<K> } {
  const addon = native();
  const receiver = addon.openSocket('udp', '127.0.0.1', 0, 0, '');
  t.after(() => addon.close(receiver.fd));
  const datagrams = () => {
    const fd = addon.connectSocket('udp', '127.0.0.1', receiver.port);
    const socket = addon.datagramsOpen(fd, Buffer.alloc(70_000), () => {});
    t.after(() => addon.datagramsClose(socket));
    return socket;
  };
  const four = () => Buffer.alloc(4);
  const frame = Buffer.alloc(60);
  return {
    load: good([builtPath('bpf/verdict.bpf.o'), {}, [], ''], (made) => addon.unload(made)),
    loadLater: good([builtPath('bpf/verdict.bpf.o'), {}, [], ''], (made) => addon.unload(made)),
    unload: good([addon.load(builtPath('bpf/verdict.bpf.o'), {}, [], '')]),
    mapUpdate: good([engine, 'doh', four(), four(), 0]),
    mapLookup: good([engine, 'doh', four(), four()]),
    mapDelete: good([engine, 'doh', four()]),
    mapKeys: good([engine, 'doh']),
    mapValues: good([engine, 'hashing']),
    mapShapes: good([engine]),
    openPinned: good(['/none', []], (made) => addon.unload(made)),
    mapDefinitions: good([builtPath('bpf/verdict.bpf.o')]),
    descriptorOf: good([process.pid, 0], (made) => addon.close(made)),
    exchange: good([2 ** 31 - 1, four(), -1]),
    mapEntries: good([engine, 'doh']),
    mapStore: good([engine, 'levels', 0, 0n]),
    mapWrite: good([engine, 'learned', 0, 0, Buffer.alloc(64)]),
    attachCgroup: good([engine, packetPrograms[0], '/none', '/none/pin']),
    attachTrace: good([engine, 'tw_fork'], (made) => addon.detach(made)),
    detach: good([addon.attachTrace(engine, 'tw_fork')]),
    ringOpen: good([engine, 'events', () => {}], (made) => void addon.ringClose(made)),
    ringClose: good([addon.ringOpen(engine, 'events', () => {})]),
    testRun: good([engine, packetPrograms[0], frame, 1, 0]),
    runStats: good([engine, packetPrograms[0]]),
    enableStats: good([], (made) => addon.close(made)),
    layout: good([builtPath('bpf/verdict.bpf.o')]),
    // No link has this number.
    attachBackstop: good([engine, 'tw_backstop', 2 ** 31 - 1]),
    hostLinks: good([]),
    interfaces: good(['/proc/self/ns/net', addon.hostLinks()]),
    ownInterface: good([2 ** 31 - 1]),
    // No message: nothing to acknowledge.
    netfilterBatch: good(['/proc/self/ns/net', Buffer.alloc(20)]),
    forgetFlows: good(['/proc/self/ns/net', 65_535]),
    openSocket: good(['udp', '127.0.0.1', 0, 1, ''], (made) => addon.close(made.fd)),
    connectSocket: good(['udp', '127.0.0.1', 9], (made) => addon.close(made)),
    socketName: good([receiver.fd]),
    datagramsOpen: good([2 ** 31 - 1, Buffer.alloc(70_000), () => {}]),
    datagramsSend: good([datagrams(), four(), Buffer.alloc(0)]),
    datagramsClose: good([datagrams()]),
    listenerOf: good([tmpdir()]),
    receiveRoom: good([2 ** 31 - 1, 4096]),
    processors: good([]),
    bootTime: good([]),
    releaseMemory: good([]),
    jiffy: good([]),
    lock: good([tmpdir()], (made) => addon.close(made)),
    openAs: good([tmpdir(), constants.O_RDONLY, 65534, 65534, four()], (fd) => addon.close(fd)),
    // A number that is open would close a descriptor of the test runner.
    close: good([2 ** 31 - 1]),
    seccompProgram: good([{ families: [2], allowIoUring: false, allowUserNamespaces: false }]),
  };
}

/** Even these arguments are refused: no such cgroup, listener, link or descriptor, no batch, too few families. */
const refused: readonly (keyof Native)[] = [
  'listenerOf',
  'attachBackstop',
  'attachCgroup',
  'datagramsOpen',
  'exchange',
  'receiveRoom',
  'close',
  'netfilterBatch',
  'seccompProgram',
];

interface Good<K extends keyof Native> {
  readonly args: Parameters<Native[K]>;
  readonly undo?: (made: Awaited<ReturnType<Native[K]>>) => void;
}

function good<K extends keyof Native>(
  args: Parameters<Native[K]>,
  undo?: Good<K>['undo'],
): Good<K> {
  return undo ? { args, undo } : { args };
}

/** Calls it; what it throws, or rejects with, must be an Error. Gives that. */
async function attempt(name: keyof Native, args: readonly unknown[], undo?: (made: never) => void) {
  try {
    const made = await (native()[name] as (...all: readonly unknown[]) => unknown)(...args);
    undo?.(made as never);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Error, `${name} threw ${String(error)}`);
    return error as NodeJS.ErrnoException;
  }
}

/** Names without a folder mean something in one of the test's own while it runs. */
function ownFolder(t: TestContext): void {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-addon-'));
  const before = process.cwd();
  process.chdir(folder);
  t.after(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
}

test('every function is called with every kind of wrong argument', { skip }, async (t) => {
  ownFolder(t);
  const engine = engineFor(t);
  const calls = goodCalls(t, engine);
  const spare = engineFor(t);
  const ring = native().ringOpen(engine, 'events', () => {});
  const link = native().attachTrace(engine, 'tw_fork');
  const before = openDescriptors();
  assert.deepEqual(Object.keys(calls).sort(), Object.keys(native()).sort());
  for (const [key, { args, undo }] of Object.entries(calls)) {
    const name = key as keyof Native;
    const release = undo as ((made: never) => void) | undefined;
    await t.test(name, async () => {
      for (let count = 0; count < args.length; count++) {
        assert.ok(
          await attempt(name, args.slice(0, count), release),
          `${name} took ${count} arguments`,
        );
      }
      for (let at = 0; at < args.length; at++) {
        for (const value of hostileValues([ring, link, spare])) {
          await attempt(name, args.with(at, value as never), release);
        }
      }
      const error = await attempt(name, [...args, 'one more'], release);
      assert.equal(error !== undefined, refused.includes(name), `${name}: ${error?.message}`);
    });
  }
  native().ringClose(ring);
  native().detach(link);
  // The loop closes what rings had open, and loads on other threads end when they end.
  for (let turns = 0; turns < 1000 && openDescriptors() > before; turns++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(openDescriptors() <= before, `${openDescriptors()} descriptors, ${before} before`);
});

const wrong = { name: 'TypeError', code: 'EINVAL' };

test('a handle of another kind, or of nobody, is refused', { skip }, (t) => {
  const engine = engineFor(t);
  const ring = native().ringOpen(engine, 'events', () => {});
  const link = native().attachTrace(engine, 'tw_fork');
  for (const bad of [ring, link, {}, null]) {
    assert.throws(() => native().unload(bad as never), wrong);
    assert.throws(() => native().mapKeys(bad as never, 'rows'), wrong);
  }
  for (const bad of [engine, link]) assert.throws(() => native().ringClose(bad as never), wrong);
  for (const bad of [engine, ring]) assert.throws(() => native().detach(bad as never), wrong);
  native().ringClose(ring);
  native().detach(link);
});

test('what has ended can end again, and does nothing else any more', { skip }, () => {
  const addon = native();
  const engine = loadEngine(addon, cgroupOf().id);
  const ring = addon.ringOpen(engine, 'events', () => {});
  const link = addon.attachTrace(engine, 'tw_fork');
  refuse(addon, engine, 7);
  assert.ok(Buffer.isBuffer(addon.ringClose(ring)));
  assert.equal(addon.ringClose(ring), undefined);
  addon.detach(link);
  addon.detach(link);
  addon.unload(engine);
  addon.unload(engine);
  const gone = { code: 'ENOENT' };
  const key = Buffer.alloc(4);
  assert.throws(() => addon.mapUpdate(engine, 'doh', key, key, 0), gone);
  assert.throws(() => addon.mapLookup(engine, 'doh', key, key), gone);
  assert.throws(() => addon.mapKeys(engine, 'rows'), gone);
  assert.throws(() => addon.mapStore(engine, 'levels', 0, 0n), gone);
  assert.throws(() => addon.testRun(engine, packetPrograms[0], Buffer.alloc(60), 1, 0), gone);
  assert.throws(() => addon.runStats(engine, packetPrograms[0]), gone);
  assert.throws(() => addon.attachTrace(engine, 'tw_fork'), gone);
  assert.throws(() => addon.attachCgroup(engine, packetPrograms[0], '/', '/none'), gone);
  assert.throws(() => addon.ringOpen(engine, 'events', () => {}), gone);
});

test('a ring goes on when its engine is unloaded first', { skip }, () => {
  const engine = loadEngine(native(), cgroupOf().id);
  const ring = native().ringOpen(engine, 'events', () => {});
  refuse(native(), engine, 8);
  native().unload(engine);
  assert.ok(Buffer.isBuffer(native().ringClose(ring)));
});

test('keys and values of another size than the map’s are refused', { skip }, (t) => {
  const engine = engineFor(t);
  const four = Buffer.alloc(4);
  for (const size of [0, 3, 5, 4096]) {
    const bad = Buffer.alloc(size);
    assert.throws(() => native().mapUpdate(engine, 'doh', bad, four, 0), { code: 'EINVAL' });
    assert.throws(() => native().mapUpdate(engine, 'doh', four, bad, 0), { code: 'EINVAL' });
    assert.throws(() => native().mapLookup(engine, 'doh', bad, four), { code: 'EINVAL' });
    assert.throws(() => native().mapLookup(engine, 'doh', four, bad), { code: 'EINVAL' });
    assert.throws(() => native().mapDelete(engine, 'doh', bad), { code: 'EINVAL' });
  }
  assert.throws(() => native().mapStore(engine, 'levels', 1, 0n), { code: 'EINVAL' });
  assert.throws(() => native().mapStore(engine, 'targets', 0, 0n), { code: 'EINVAL' });
  const room = Buffer.alloc(64);
  const write = (index: number, offset: number, bytes: Buffer) => () =>
    native().mapWrite(engine, 'learned', index, offset, bytes);
  for (const [offset, bytes] of [
    [0, Buffer.alloc(65)],
    [8, room],
    [4, four],
    [72, Buffer.alloc(0)],
    [2 ** 32 - 8, room],
  ] as const) {
    assert.throws(write(0, offset, bytes), { code: 'EINVAL' });
  }
  assert.throws(write(2 ** 31, 0, room), { code: 'E2BIG' });
});

test('text with a NUL, and text that is too long, is refused before it is used', { skip }, (t) => {
  const engine = engineFor(t);
  for (const text of ['doh\0', '\0', 'x'.repeat(5000)]) {
    assert.throws(() => native().mapKeys(engine, text), wrong);
    assert.throws(() => native().load(text, {}, [], ''), wrong);
    assert.throws(() => native().layout(text), wrong);
    assert.throws(() => native().openSocket('udp', text, 0, 0, ''), wrong);
    const program = packetPrograms[0];
    assert.throws(() => native().attachCgroup(engine, program, text, '/none'), wrong);
    assert.throws(() => native().attachCgroup(engine, program, '/', text), wrong);
  }
});

test('a program that was left out is none', { skip }, (t) => {
  const engine = native().load(
    builtPath(ENGINE),
    singleTargetSizes,
    [packetPrograms[1], 'tw_fork'],
    '',
  );
  t.after(() => native().unload(engine));
  const run = () => native().testRun(engine, packetPrograms[1], Buffer.alloc(60), 1, 0);
  assert.throws(run, { code: 'ENOENT' });
  assert.throws(() => native().runStats(engine, packetPrograms[1]), { code: 'ENOENT' });
  assert.throws(() => native().attachTrace(engine, 'tw_fork'), Error);
});

test('an error says which call it was about, and has the errno’s name', { skip }, () => {
  assert.throws(() => native().load('/none.o', {}, [], ''), {
    code: 'ENOENT',
    message: /^\/none\.o: /,
  });
  assert.throws(() => native().layout('/none.o'), { code: 'ENOENT' });
  assert.throws(() => native().openSocket('sctp' as 'tcp', '127.0.0.1', 0, 0, ''), {
    code: 'EINVAL',
  });
  assert.throws(() => native().openSocket('tcp', '127.0.0.1', 65536, 0, ''), { code: 'EINVAL' });
  assert.throws(() => native().openSocket('tcp', '::1', 0, 0, ''), { code: 'EINVAL' });
  assert.throws(() => native().close(2 ** 31 - 1), { code: 'EBADF' });
  assert.throws(() => native().receiveRoom(2 ** 31 - 1, 4096), { code: 'EBADF' });
});

test('a socket keeps as many datagrams as it was given room for', { skip }, async (t) => {
  const kept = async (room?: number): Promise<number> => {
    const { fd, port } = native().openSocket('udp', '127.0.0.1', 0, 0, '');
    if (room !== undefined) native().receiveRoom(fd, room);
    const receiver = createSocket('udp4');
    t.after(() => receiver.close());
    const sender = createSocket('udp4');
    t.after(() => sender.close());
    sender.connect(port, '127.0.0.1');
    await once(sender, 'connect');
    let count = 0;
    let last = false;
    receiver.on('message', (datagram) => {
      count++;
      last ||= datagram.length === 2;
    });
    // Nobody reads yet: what finds no room is lost.
    for (let i = 0; i < 2000; i++) sender.send('x');
    receiver.bind({ fd, exclusive: true });
    for (let step = 0; step < 500 && !last; step++) {
      await sleep(10);
      sender.send('xx');
    }
    assert.ok(last);
    return count;
  };
  assert.ok((await kept(4096)) < 1000);
  assert.ok((await kept(2000 * 1024)) >= 2000);
});

test('a map of no entries is refused with the kernel’s words', { skip }, () => {
  const sizes = { ...singleTargetSizes, rows: 0 };
  const load = () => native().load(builtPath(ENGINE), sizes, [packetPrograms[1]], '');
  assert.throws(load, (error: NodeJS.ErrnoException) => {
    return error.code !== undefined && /rows/.test(error.message);
  });
});

/** A leak's stack, up to the first frame of our own: what stands above it asked for the memory. */
const LEAK = /^(?:Direct|Indirect) leak of .*?(?=^\s*$)/gms;
const OURS = /torwacht\.node|bpf\/addon\//;

/** Node leaves memory of its own, and does not always come to free what it keeps of a handle. */
function ourLeaks(report: string): string[] {
  return (report.match(LEAK) ?? []).filter((leak) => {
    const frames = leak.split('\n').slice(1);
    const first = frames.findIndex((frame) => OURS.test(frame));
    return first >= 0 && !frames.slice(0, first).some((frame) => / napi_/.test(frame));
  });
}

for (const story of [
  'close in callback',
  'throw in callback',
  'exit with all open',
  'forget handles',
  'end a worker with all open',
]) {
  test(`the addon survives: ${story}`, { skip, timeout: 60_000 }, async () => {
    const script = join(import.meta.dirname, 'testing/addon-story.ts');
    const args = ['--expose-gc', script, story, String(cgroupOf().id)];
    const sanitized = process.env.ASAN_OPTIONS !== undefined;
    const leaks = sanitized && story === 'forget handles';
    const options = 'abort_on_error=1:detect_leaks=';
    const env = {
      ...process.env,
      NODE_TEST_CONTEXT: undefined,
      ...(sanitized
        ? { ASAN_OPTIONS: `${options}${leaks ? 1 : 0}`, LSAN_OPTIONS: 'exitcode=0' }
        : {}),
    };
    const ended = await promisify(execFile)(process.execPath, args, { env });
    assert.equal(ended.stdout, 'done\n');
    if (leaks) assert.match(ended.stderr, /LeakSanitizer/, 'leaks were not looked for');
    assert.deepEqual(ourLeaks(ended.stderr), []);
  });
}
