/**
 * Kernel packages of other Debian suites (one that stays as it is: pinned.ts), by an apt state of their own below build/kernels: the host's is
 * neither read nor changed. What was downloaded is kept, and used again where the archive cannot be asked.
 */
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { Apt } from './apt.ts';
import { errors } from './errors.ts';
import { siteOf } from './mirrors.ts';
import { fetchPinned } from './pinned.ts';
import { KERNELS } from './places.ts';
import type { DebianSuite, KernelSource } from './suites.ts';

export interface Packages {
  /** The version of the packages: `6.1.192-2`. */
  readonly version: string;
  /** Paths of .deb files. */
  readonly files: readonly string[];
  /** Why the archive was not asked; the newest that was downloaded before is taken. */
  readonly stale?: string;
}

/** @throws TW_KERNELS_NO_MIRROR, TW_KERNELS_UNAVAILABLE */
export function fetchPackages(suite: KernelSource): Packages {
  if ('files' in suite) return fetchPinned(suite);
  const archive = new Archive(suite);
  const problem = archive.refresh();
  try {
    return { ...archive.newest(), ...(problem === undefined ? {} : { stale: problem }) };
  } catch (cause) {
    const reason = problem ?? (cause as Error).message;
    throw failure(errors.unavailable, { suite: suite.name, reason }, cause);
  }
}

class Archive {
  readonly #suite: DebianSuite;
  readonly #apt: Apt;

  constructor(suite: DebianSuite) {
    this.#suite = suite;
    const { name, security } = suite;
    const folder = join(KERNELS, 'packages', name);
    const site = siteOf(suite);
    this.#apt = new Apt({ folder, architecture: 'amd64', site, suite: name, security });
  }

  /** Says why the archive could not be asked. */
  refresh(): string | undefined {
    return this.#apt.refresh();
  }

  /** Follows linux-image-amd64 to the packages that hold the kernel and its modules. */
  newest(): Pick<Packages, 'version' | 'files'> {
    const found = new Map<string, string>();
    for (let names = ['linux-image-amd64']; names.length > 0; ) {
      const depends = names.flatMap((name) => this.#depends(name));
      for (const { name, version } of depends) found.set(name, version);
      names = depends.map(({ name }) => name);
    }
    const version = [...found.values()][0];
    if (version === undefined) throw new Error('linux-image-amd64 names no kernel');
    const { series } = this.#suite;
    if (series !== undefined && !version.startsWith(series)) {
      throw new Error(`its kernel is ${version}, which is no ${series}x`);
    }
    const files = [...found].map(([name, exact]) => this.#apt.download(name, exact));
    return { version, files };
  }

  #depends(name: string): { name: string; version: string }[] {
    const line = /^Depends: (.*)$/m.exec(this.#apt.show(name))?.[1] ?? '';
    return [...line.matchAll(/(linux-(?:image|binary|modules)-\d\S*) \(= ([^)]+)\)/g)].map(
      ([, dependency = '', version = '']) => ({ name: dependency, version }),
    );
  }
}
