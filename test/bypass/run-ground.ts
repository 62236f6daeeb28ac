/** The ground of this host: probes in a lab, free, and held by the built `bin/torwacht run`. */
import { copyFileSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { eventsOf } from '../e2e/rows.ts';
import { type Stage, stageIn } from '../e2e/stage.ts';
import { compileOnce, sharedHeader } from '../lab/compile.ts';
import { createLab } from '../lab/lab.ts';
import { count, type Ground, type Held, type Outcomes } from './ground.ts';
import type { Furniture, Group } from './technique.ts';

export interface RunGround extends Ground {
  readonly stage: Stage;
  readonly group: Group;
  readonly furniture: Furniture;
  /** The command line of the probe. */
  probe(...steps: string[]): string[];
  close(): void;
}

export async function createRunGround(group: Group): Promise<RunGround> {
  const lab = createLab({ name: group.label });
  try {
    const stage = stageIn(lab);
    const program = placeProbe(stage.work);
    const furniture = await group.furnish(lab);
    for (const address of destinations(group)) lab.addAddress(address);
    const probe = (...steps: string[]): string[] => [program, ...steps];
    return {
      stage,
      group,
      furniture,
      probe,
      free: async (steps) => {
        const { stdout } = await lab.run('host', program, steps, { cwd: stage.work });
        return outcomes(stdout);
      },
      held: async (steps, options = {}): Promise<Held> => {
        const ended = await stage.run({
          policy: group.policy,
          flags: ['--json', ...(options.opened ?? [])],
          command: probe(...steps),
        });
        return { outcomes: outcomes(ended.stdout), ...readReport(ended.stderr) };
      },
      seen: (witnesses) => {
        const arrivals = lab.arrivals();
        return witnesses.map((witness) => count(witness, arrivals, furniture));
      },
      close: () => lab.close(),
    };
  } catch (error) {
    lab.close();
    throw error;
  }
}

/** With these at the other side a refused connection is told at once, and no step waits in vain. */
function destinations({ techniques }: Group): readonly string[] {
  return techniques
    .flatMap((one) => (one.outcome === 'not-applicable' ? [] : (one.attempts ?? [])))
    .flatMap((one) => ('witness' in one && 'packets' in one.witness ? [one.witness.packets] : []))
    .filter((address) => /^(192\.0\.2|198\.51\.100|2001:db8:1:)/.test(address));
}

/** The program that tries things (probe/); with `-static`, whatever C library there is where it runs. */
export function bypassProbe(...flags: readonly string[]): string {
  const probe = (pattern: string) => globSync(join(import.meta.dirname, 'probe', pattern)).sort();
  return compileOnce('bypass-probe', probe('*.c'), [...probe('*.h'), sharedHeader], flags);
}

/** Where a held command may execute it: the working folder. */
function placeProbe(folder: string): string {
  const program = join(folder, 'probe');
  copyFileSync(bypassProbe(), program);
  return program;
}

/** The probe's lines are `step TAB outcome`. */
export function outcomes(stdout: string): Outcomes {
  return Object.fromEntries(
    stdout
      .split('\n')
      .map((line) => line.split('\t'))
      .flatMap(([step, ...said]) => (step && said.length > 0 ? [[step, said.join(' ')]] : [])),
  );
}

/** Events are lines of JSON on standard error, among sentences of torwacht's. */
export function readReport(stderr: string): Pick<Held, 'events' | 'said'> {
  const lines = stderr.split('\n');
  return {
    events: eventsOf(lines.filter((line) => line.startsWith('{')).join('\n')),
    said: lines.filter((line) => !line.startsWith('{')).join('\n'),
  };
}
