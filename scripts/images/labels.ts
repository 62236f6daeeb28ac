/** What an image says of itself: the values that its Containerfile takes for labels. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../../test/lab/execute.ts';
import { ROOT } from './places.ts';

/** Of package.json: that of everything in the checkout. */
export function version(): string {
  const manifest = readFileSync(join(ROOT, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

export function labelValues(revision = ''): Readonly<Record<string, string>> {
  return { VERSION: version(), REVISION: revision };
}

export interface Source {
  /** The commit, with `-dirty` where files differ from it; empty where there is no repository. */
  readonly revision: string;
  /** s since 1970: of SOURCE_DATE_EPOCH, or else of the commit. */
  readonly epoch: number;
}

/** https://reproducible-builds.org/specs/source-date-epoch/ */
export function source(environment: NodeJS.ProcessEnv = process.env): Source {
  const git = (...args: string[]): string => {
    const { code, stdout } = attempt('git', ['-C', ROOT, ...args]);
    return code === 0 ? stdout.trim() : '';
  };
  const commit = git('rev-parse', 'HEAD');
  const dirty = commit !== '' && git('status', '--porcelain') !== '' ? '-dirty' : '';
  const named = environment.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct');
  const epoch = Number(named);
  if (!Number.isSafeInteger(epoch) || epoch < 0) {
    throw new Error(`SOURCE_DATE_EPOCH is ${named}. Write seconds since 1970.`);
  }
  return { revision: `${commit}${dirty}`, epoch };
}
