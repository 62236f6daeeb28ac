/**
 * Kernel packages of other Debian suites, by an apt state of their own below build/kernels: the host's is
 * neither read nor changed. What was downloaded is kept, and used again where the archive cannot be asked.
 */
import { existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { command } from './command.ts';
import { errors } from './errors.ts';
import { KERNELS } from './places.ts';
import type { DebianSuite } from './suites.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** An archive is asked again after so long. */
const FRESH_MS = 12 * 3600 * 1000;

export interface Packages {
  /** The version of the packages: `6.1.192-2`. */
  readonly version: string;
  /** Paths of .deb files. */
  readonly files: readonly string[];
  /** Why the archive was not asked; the newest that was downloaded before is taken. */
  readonly stale?: string;
}

/** @throws TW_KERNELS_NO_MIRROR, TW_KERNELS_UNAVAILABLE */
export function fetchPackages(suite: DebianSuite): Packages {
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
  readonly #folder: string;
  readonly #options: readonly string[];

  constructor(suite: DebianSuite) {
    this.#suite = suite;
    this.#folder = join(KERNELS, 'packages', suite.name);
    for (const name of ['lists/partial', 'cache/archives/partial', 'deb']) {
      mkdirSync(join(this.#folder, name), { recursive: true });
    }
    const settings = {
      'Dir::Etc::sourcelist': join(this.#folder, 'sources.list'),
      'Dir::Etc::sourceparts': '-',
      'Dir::State::lists': join(this.#folder, 'lists'),
      'Dir::State::status': '/dev/null',
      'Dir::Cache': join(this.#folder, 'cache'),
      // Root's folder is not apt's own user's.
      'APT::Sandbox::User': 'root',
      'APT::Architecture': 'amd64',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      // Old suites are no longer signed anew; they are signed all the same.
      'Acquire::Check-Valid-Until': 'false',
      'APT::Update::Post-Invoke-Success': '',
    };
    this.#options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  }

  /** Says why the archive could not be asked. */
  refresh(): string | undefined {
    const stamp = join(this.#folder, 'asked');
    if (existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < FRESH_MS) return undefined;
    const { name, security } = this.#suite;
    const line = (site: string, suite: string) =>
      `deb [signed-by=${KEYRING}] ${site} ${suite} main\n`;
    const site = mirror(name);
    const sources =
      line(site, name) + (security ? line(`${site}-security`, `${name}-security`) : '');
    writeFileSync(join(this.#folder, 'sources.list'), sources);
    // Where one of the lists cannot be had, apt-get only warns.
    const asked = this.#apt('apt-get', '-o', 'APT::Update::Error-Mode=any', 'update', '-qq');
    if (asked.code !== 0) return asked.complaint;
    writeFileSync(stamp, '');
    utimesSync(stamp, new Date(), new Date());
    return undefined;
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
    return { version, files: [...found].map(([name, exact]) => this.#file(name, exact)) };
  }

  #depends(name: string): { name: string; version: string }[] {
    const shown = this.#apt('apt-cache', 'show', '--no-all-versions', name);
    if (shown.code !== 0) throw new Error(shown.complaint);
    const line = /^Depends: (.*)$/m.exec(shown.stdout)?.[1] ?? '';
    return [...line.matchAll(/(linux-(?:image|binary|modules)-\d\S*) \(= ([^)]+)\)/g)].map(
      ([, dependency = '', version = '']) => ({ name: dependency, version }),
    );
  }

  #file(name: string, version: string): string {
    const folder = join(this.#folder, 'deb');
    // A colon would stand for an epoch, which kernels do not have.
    const file = join(folder, `${name}_${version}_amd64.deb`);
    if (existsSync(file)) return file;
    const done = this.#apt('apt-get', 'download', '-qq', `${name}=${version}`);
    if (done.code !== 0 || !existsSync(file)) {
      throw new Error(done.complaint);
    }
    return file;
  }

  #apt(program: string, ...args: string[]) {
    return command(program, [...this.#options, ...args], join(this.#folder, 'deb'));
  }
}

/** The archive that this host's own apt asks, where that is a Debian; or the one that is named. */
function mirror(suite: string): string {
  const named = process.env.TORWACHT_DEBIAN_MIRROR;
  const format = '$(REPO_URI) $(LABEL)';
  const targets = ['indextargets', '--format', format, 'Created-By: Packages'];
  const known = command('apt-get', targets, '/')
    .stdout.split('\n')
    .find((line) => line.endsWith(' Debian'));
  const site = named ?? known?.split(' ')[0];
  if (site === undefined) throw failure(errors.noMirror, { suite });
  return site.replace(/\/$/, '');
}
