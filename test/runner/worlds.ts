/** What suites run in: a cluster of their own, an addon under sanitizers. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ownedName } from '../cluster/names.ts';

/** So that no person's cluster is changed, and one that a sweep may take. */
export const clusterOfItsOwn = {
  environment: () => ({ TORWACHT_CLUSTER: ownedName(process.pid) }),
  world: { up: 'test/cluster/up.ts', down: 'test/cluster/down.ts' },
} as const;

/**
 * Node itself is not built with the sanitizers, so their runtimes must be loaded before it. Leaks are
 * not looked for: Node ends without freeing what it holds.
 */
export function sanitized(): Record<string, string> {
  const library = (name: string) =>
    execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  return {
    TORWACHT_ADDON: join(import.meta.dirname, '../../build/asan/torwacht.node'),
    LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  };
}
