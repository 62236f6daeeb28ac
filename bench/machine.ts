/** Names the machine that figures come from: a figure without it says nothing. */
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** @example `AMD EPYC 9R14, 2 cores, 24 GiB, Linux 6.12.0 x64, Node v24.21.0, Debian GNU/Linux 12` */
export function machine(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    processors[0]?.model.trim() ?? 'unknown processor',
    `${processors.length} ${processors.length === 1 ? 'core' : 'cores'}`,
    `${memory} GiB`,
    `Linux ${release()} ${process.arch}`,
    `Node ${process.version}`,
    distribution(),
  ].join(', ');
}

function distribution(): string {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? 'unknown distribution';
  } catch {
    return 'unknown distribution';
  }
}
