/** Runs benches one after the other; one that breaks is told and does not keep the others from running. */
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import type { Figure } from './figure.ts';

/** What a file `bench/x.bench.ts` exports. It cleans up after itself, on failure as well. */
interface Bench {
  run(): Promise<readonly Figure[]>;
  /** Why it cannot be run here, if it cannot. */
  skip?(): string | undefined;
}

export interface Session {
  readonly figures: readonly Figure[];
  /** Sentences: which bench broke, and how. */
  readonly broken: readonly string[];
}

/** `tell` gets a line before each bench, so that a person sees what takes the time. */
export async function measure(
  files: readonly string[],
  tell: (line: string) => void,
): Promise<Session> {
  const figures: Figure[] = [];
  const broken: string[] = [];
  for (const file of files) {
    const name = basename(file, '.bench.ts');
    tell(`measuring ${name}`);
    try {
      figures.push(...(await measureOne(file, (why) => tell(`skipped ${name}: ${why}`))));
    } catch (error) {
      broken.push(`${name}: ${error instanceof Error ? error.message : inspect(error)}`);
      if (error instanceof Error) tell(error.stack ?? error.message);
    }
  }
  return { figures, broken };
}

async function measureOne(
  file: string,
  skipped: (why: string) => void,
): Promise<readonly Figure[]> {
  const bench = (await import(pathToFileURL(file).href)) as Partial<Bench>;
  if (typeof bench.run !== 'function') throw new Error('it exports no function run()');
  const why = bench.skip?.();
  if (why !== undefined) {
    skipped(why);
    return [];
  }
  const measured = await bench.run();
  if (measured.length === 0) throw new Error('it measured nothing');
  return measured;
}
