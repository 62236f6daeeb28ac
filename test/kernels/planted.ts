/**
 * Plants a program with a newer helper among those that every kernel must take, and shows that both who look see
 * it: the check of the floor, and a whole run on Debian's oldest kernel. `make test-planted`; the exit code is 0
 * only if both fail and both name the program and the helper.
 */
import { spawnSync } from 'node:child_process';
import { ROOT } from './places.ts';

const OLDEST = 'bullseye';
const NAMED = /tw_newer[\s\S]*bpf_ktime_get_coarse_ns/;

interface Looker {
  readonly what: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const lookers: readonly Looker[] = [
  {
    what: 'the check of the floor',
    args: ['--test', '--test-reporter=spec', 'test/kernels/floor/floor.test.ts'],
  },
  {
    what: `the run on the kernel of ${OLDEST}`,
    args: ['--test', '--test-reporter=spec', 'test/kernels/kernels.test.ts'],
    environment: { TORWACHT_KERNELS: 'programs', TORWACHT_ONLY: OLDEST },
  },
];

function seesIt({ what, args, environment }: Looker): boolean {
  process.stdout.write(`----  ${what}\n`);
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...environment, TORWACHT_PLANTED: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for (const line of stdout
    .split('\n')
    .filter((line) => /tw_newer|coarse_ns/.test(line))
    .slice(0, 4))
    process.stdout.write(`      ${line.trim()}\n`);
  const found = status !== 0 && NAMED.test(stdout);
  process.stdout.write(
    found ? 'ok    it fails, and names both\n' : `FAIL  it ended with ${status}\n`,
  );
  return found;
}

const results = lookers.map(seesIt);
process.exitCode = results.every(Boolean) ? 0 : 1;
