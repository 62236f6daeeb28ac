/** A real Prometheus on loopback, that scrapes what a test serves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../apiserver/ports.ts';

/** The path of a program; undefined where it is nowhere. `scripts/setup.sh --cluster` installs it. */
export function findProgram(name: 'prometheus' | 'promtool'): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface TestPrometheus {
  /** Series that a query gives now. */
  query(expr: string): Promise<readonly unknown[]>;
  stop(): Promise<void>;
}

/** @param targets ports on loopback by the name of their job */
export async function startPrometheus(
  program: string,
  targets: Readonly<Record<string, number>>,
): Promise<TestPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-prometheus-'));
  const jobs = Object.entries(targets).map(([job_name, port]) => ({
    job_name,
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  }));
  const config = join(folder, 'prometheus.yml');
  // JSON is YAML.
  const global = { scrape_interval: '1s', scrape_timeout: '1s' };
  writeFileSync(config, JSON.stringify({ global, scrape_configs: jobs }));
  // It takes no port 0.
  const [port = 0] = await freePorts(1);
  const flags = {
    'config.file': config,
    'storage.tsdb.path': join(folder, 'data'),
    'web.listen-address': `127.0.0.1:${port}`,
    'log.level': 'error',
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: folder });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  };
  const url = `http://127.0.0.1:${port}`;
  await ready(`${url}/-/ready`, child);
  return {
    stop,
    async query(expr) {
      const body = new URLSearchParams({ query: expr });
      const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body });
      const { data, error } = (await response.json()) as {
        data?: { result: readonly unknown[] };
        error?: string;
      };
      if (data === undefined) throw new Error(`${expr}: ${error}`);
      return data.result;
    },
  };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  for (;;) {
    const { ok } = await fetch(url).catch(() => ({ ok: false }));
    if (ok) return;
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
    await sleep(50);
  }
}
