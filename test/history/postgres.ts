/** A real PostgreSQL in a folder of its own, reached by a socket there: nothing listens on the network. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** It refuses to be root; whoever owns nothing will do. */
const NOBODY = 65534;

export interface TestPostgres {
  /** The URL of a new, empty database. */
  database(): Promise<string>;
  stop(): Promise<void>;
}

/** The folder of its programs, of the newest version; undefined where it is not installed. */
export function findPostgres(): string | undefined {
  const installed = globSync('/usr/lib/postgresql/*/bin/initdb').sort().at(-1);
  const [found = installed] = globSync('/usr/{local,pgsql*}/bin/initdb');
  return found === undefined ? undefined : join(found, '..');
}

/** Takes about a second. @param bin as `findPostgres` gives it */
export function startPostgres(bin: string): TestPostgres {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-pg-'));
  chmodSync(folder, 0o700);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  const options = {
    cwd: folder,
    env: { LC_ALL: 'C' },
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
  };
  const data = join(folder, 'data');
  try {
    const init = ['-D', data, '-U', 'torwacht', '--auth=trust', '--no-sync', '--encoding=UTF8'];
    execFileSync(join(bin, 'initdb'), init, { ...options, stdio: 'pipe' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  const settings = { listen_addresses: '', unix_socket_directories: folder, fsync: 'off' };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...flags], {
    ...options,
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const urlOf = (name: string) => `postgres://torwacht@/${name}?host=${encodeURIComponent(folder)}`;
  const stop = async (): Promise<void> => {
    // SIGINT: at once, without waiting for clients.
    server.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true });
  };
  let databases = 0;
  return {
    async database() {
      const client = await ready(urlOf('postgres'), () => server.exitCode !== null);
      databases += 1;
      const name = `test${databases}`;
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return urlOf(name);
    },
    stop,
  };
}

/** Asks until it answers. */
async function ready(url: string, over: () => boolean): Promise<pg.Client> {
  for (;;) {
    const client = new pg.Client(url);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (over()) throw error;
      await sleep(50);
    }
  }
}
