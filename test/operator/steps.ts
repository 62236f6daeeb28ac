/** Where the time of an edit goes: when each of many nodes had come how far, and which process worked meanwhile. */
import { readFileSync } from 'node:fs';

export class Steps {
  readonly #pids: Readonly<Record<string, number | undefined>>;
  readonly #before: ReadonlyMap<string, number>;
  readonly #lines: string[] = [];

  /** From now on. @param pids by what the processes are called */
  constructor(pids: Readonly<Record<string, number | undefined>>) {
    this.#pids = pids;
    this.#before = this.#used();
  }

  /** @param times of each node, ms */
  add(step: string, times: readonly number[]): void {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (part: number) => sorted[Math.ceil(sorted.length * part) - 1]?.toFixed(0);
    this.#lines.push(`${step} after ${at(0.5)} ms at the median, ${at(1)} ms the last`);
  }

  said(): string {
    const used = [...this.#used()].map(([name, seconds]) => {
      const more = seconds - (this.#before.get(name) ?? 0);
      return `${name} ${more.toFixed(1)} s`;
    });
    return [...this.#lines, `CPU: ${used.join(', ')}`].join('; ');
  }

  #used(): Map<string, number> {
    return new Map(Object.entries(this.#pids).map(([name, pid]) => [name, cpuOf(pid)]));
  }
}

/** Seconds of CPU of a process so far (proc_pid_stat(5)). */
export function cpuOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
