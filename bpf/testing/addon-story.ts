/**
 * What a program can do to the addon at its worst moment, in a process of its own:
 * `node --expose-gc addon-story.ts STORY CGROUP`. Prints one word when it got to its end.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { builtPath, native, type RingHandle } from '../native.ts';
import { packetPrograms } from '../programs.ts';
import { loadEngine, refuse } from './refusals.ts';

const [story = '', cgroup = '0'] = isMainThread ? process.argv.slice(2) : (workerData as string[]);
const addon = native();
const done = () => process.stdout.write('done\n');

/** Until something happened, for at most some thousand turns of the loop. */
async function until(happened: () => boolean): Promise<void> {
  for (let turns = 0; turns < 100_000 && !happened(); turns++) await turn();
  if (!happened()) throw new Error(`${story}: it did not happen`);
}

const stories: Record<string, () => Promise<void> | void> = {
  /** The callback closes the ring that called it, and lets go of the engine. */
  async 'close in callback'() {
    const engine = loadEngine(addon, BigInt(cgroup));
    let calls = 0;
    const ring: RingHandle = addon.ringOpen(engine, 'events', () => {
      calls += 1;
      addon.ringClose(ring);
      addon.ringClose(ring);
      addon.unload(engine);
      addon.unload(engine);
    });
    refuse(addon, engine, 1);
    await until(() => calls > 0);
    await turn();
    done();
  },

  async 'throw in callback'() {
    const engine = loadEngine(addon, BigInt(cgroup));
    const seen: string[] = [];
    process.on('uncaughtException', (error) => seen.push(error.message));
    const ring = addon.ringOpen(engine, 'events', () => {
      throw new Error(`thrown ${seen.length}`);
    });
    for (const last of [1, 2]) {
      refuse(addon, engine, last);
      await until(() => seen.length === last);
    }
    addon.ringClose(ring);
    addon.unload(engine);
    if (seen.join() === 'thrown 0,thrown 1') done();
  },

  /** The end of the process finds everything open. */
  'exit with all open'() {
    const engine = loadEngine(addon, BigInt(cgroup));
    addon.attachTrace(engine, 'tw_fork');
    addon.ringOpen(engine, 'events', () => {});
    refuse(addon, engine, 1);
    done();
    process.exit(0);
  },

  /** Handles that JavaScript forgets, closed and open ones, again and again. */
  async 'forget handles'() {
    const { gc } = globalThis;
    if (!gc) throw new Error('needs --expose-gc');
    for (let round = 0; round < 5; round++) {
      const engine = loadEngine(addon, BigInt(cgroup));
      refuse(addon, engine, 1);
      const ring = addon.ringOpen(engine, 'events', () => {});
      const link = addon.attachTrace(engine, 'tw_fork');
      addon.detach(link);
      addon.detach(link);
      addon.ringClose(ring);
      if (round % 2) addon.unload(engine);
      for (const path of ['/', '/none', builtPath('torwacht.node')]) tryTo(() => load(path));
      tryTo(() => addon.load(builtPath('bpf/engine.bpf.o'), { rows: 0 }, [packetPrograms[1]], ''));
      tryTo(() => addon.layout(path0));
      await turn();
      gc();
      await turn();
    }
    for (let i = 0; i < 20; i++) {
      gc();
      await turn();
    }
    done();
  },

  async 'end a worker with all open'() {
    if (!isMainThread) {
      const engine = loadEngine(addon, BigInt(cgroup));
      addon.ringOpen(engine, 'events', () => {});
      refuse(addon, engine, 1);
      setInterval(() => {}, 1000);
      return;
    }
    const worker = new Worker(import.meta.filename, { workerData: [story, cgroup] });
    await new Promise((resolve) => worker.once('online', resolve));
    for (let i = 0; i < 1000; i++) await turn();
    await worker.terminate();
    done();
  },
};

const path0 = '/none';
const load = (path: string) => addon.load(path, {}, [], '');

function tryTo(act: () => unknown): void {
  try {
    act();
  } catch {
    return;
  }
  throw new Error('this should not have worked');
}

await stories[story]?.();
