/**
 * An agent in small, for tests of its parent: `agent.ts STORY FILE`. What it does depends on how often it was
 * started, which it counts in the file. It prints one line for each thing that happened.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '#bpf/native.ts';
import { listenByUdp } from '../../resolver/udp-server.ts';
import { storeOf } from '../kept-sockets.ts';

const [story = '', file = ''] = process.argv.slice(2);
appendFileSync(file, '.');
const life = readFileSync(file, 'utf8').length;
const say = (line: string) => process.stdout.write(`${line}\n`);
/** How many times the lock is tried, every 5 ms. */
const TRIES = 1000;
const slow = story === 'slow' && life === 1;
if (story === 'deaf' || slow) {
  process.on('SIGTERM', () => {
    say('asked');
    if (slow) setTimeout(() => process.exit(0), 800);
  });
}
if (story === 'broken') process.exit(7);
const store = storeOf(process.env);
const channel = Number(process.env.TORWACHT_PARENT);
const die = () => process.kill(process.pid, 'SIGKILL');
const stay = () => setInterval(() => undefined, 1000);
process.on('SIGUSR1', die);

function open(owner: string) {
  const { fd, port } = native().openSocket('udp', '127.0.0.1', 0, 0, '');
  store.put(owner, { kind: 'udp', address: '127.0.0.1', port, mark: 0, fd });
  return port;
}

const stories: Record<string, () => Promise<void> | void> = {
  /** Opens a socket, dies when told to, and reads what came when it is there again. */
  async socket() {
    stay();
    if (life === 1) return void say(`open ${open('one')}`);
    const [socket] = store.take('one');
    if (!socket) return void say('nothing');
    const { fd, port } = socket;
    say(`again ${port} others ${store.owners().join()}`);
    await listenByUdp({
      where: { fd },
      answer: (request) => {
        say(`got ${Buffer.from(request)}`);
        return Promise.resolve(null);
      },
    });
  },
  /** Two owners; one is let go in the second life. */
  drop() {
    stay();
    if (life === 1) return void say(`open ${open('one')} ${open('two')}`);
    if (life === 2) store.drop('one');
    say(`owners ${store.owners().join()}`);
  },
  /** Whatever it says, it gets an answer. */
  hostile() {
    const words = [
      '',
      '+',
      '+nothing',
      '-',
      '-none',
      '?',
      '?x',
      '?0',
      '?99999999999999999999',
      'x',
    ];
    const long = [`+${'k'.repeat(255)}`, `+${'k'.repeat(300)}`, '?'.padEnd(500, '9')];
    for (const text of [...words, ...long]) {
      const { message, fd } = native().exchange(channel, Buffer.from(text || ' '), 1);
      say(`${text.slice(0, 8)} ${message.toString().slice(0, 8)} ${fd >= 0}`);
      if (fd >= 0) native().close(fd);
    }
    say('done');
    process.exit(0);
  },
  /** Holds a lock that no two may have, and takes up the socket that is kept, or opens one. */
  async holds() {
    stay();
    if (!slow && story !== 'deaf') process.on('SIGTERM', () => process.exit(0));
    for (let tries = 0; !locked(); tries++) {
      if (tries === TRIES) return void say('no lock');
      await sleep(5);
    }
    store.offer();
    const [kept] = store.take('one');
    const port = kept?.port ?? open('one');
    say(`${kept ? 'took' : 'opened'} ${port}`);
    if (!kept) return;
    await listenByUdp({
      where: { fd: kept.fd },
      answer: (request) => {
        say(`got ${Buffer.from(request)}`);
        return Promise.resolve(null);
      },
    });
  },
  offers() {
    try {
      store.offer();
    } catch (error) {
      say(`${(error as { code: string }).code} ${(error as Error).message}`);
    }
  },
  fails() {
    process.exit(7);
  },
  /** Has something to lose, and fails all the same. */
  stumbles() {
    if (life === 1) open('one');
    say(`life ${life}`);
    if (life < 4) process.exit(7);
    process.exit(0);
  },
  signals() {
    stay();
    process.on('SIGHUP', () => say('hangup'));
    process.on('SIGTERM', () => process.exit(3));
    say(`ready ${process.pid}`);
  },
};

function locked(): boolean {
  try {
    native().lock(process.env.TORWACHT_STATE ?? '');
    return true;
  } catch {
    return false;
  }
}

await (stories[story] ?? stories.holds)?.();
