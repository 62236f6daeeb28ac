/** What the registry of runs says of a run that is under way. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './stage.ts';

export interface RunRecord {
  readonly id: string;
  readonly cgroup: string;
  readonly pins: string;
  readonly file: string;
}

/** The one run of which the registry names this pid; files and folders that it owns. */
export function recordOf(pid: number): RunRecord {
  for (const name of readdirSync('/run/torwacht/runs').filter((one) => one.endsWith('.json'))) {
    const file = join('/run/torwacht/runs', name);
    const record = JSON.parse(readIfThere(file) || '{}') as RunRecord & { pid?: number };
    if (record.pid === pid) return { ...record, file };
  }
  throw new Error(`no run of ${pid} is recorded`);
}
