/**
 * apt with a state of its own: the host's is neither read nor changed. What was downloaded is kept, and used again
 * where the archive cannot be asked.
 */
import { existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, type Outcome } from './command.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** An archive is asked again after so long. */
const FRESH_MS = 12 * 3600 * 1000;

interface AptPlan {
  /** Its state; packages go to `deb` in it. */
  readonly folder: string;
  readonly architecture: 'amd64' | 'arm64';
  /** Address of Debian's archive: `http://deb.debian.org/debian`. */
  readonly site: string;
  readonly suite: string;
  /** With the updates of its security archive. */
  readonly security: boolean;
}

export class Apt {
  readonly #plan: AptPlan;
  readonly #options: readonly string[];

  constructor(plan: AptPlan) {
    this.#plan = plan;
    const { folder, architecture } = plan;
    for (const name of ['lists/partial', 'cache/archives/partial', 'deb']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    const settings = {
      'Dir::Etc::sourcelist': join(folder, 'sources.list'),
      'Dir::Etc::sourceparts': '-',
      'Dir::State::lists': join(folder, 'lists'),
      'Dir::State::status': '/dev/null',
      'Dir::Cache': join(folder, 'cache'),
      // Root's folder is not apt's own user's.
      'APT::Sandbox::User': 'root',
      'APT::Architecture': architecture,
      'APT::Architectures': architecture,
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
    const { folder, site, suite, security } = this.#plan;
    const stamp = join(folder, 'asked');
    if (existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < FRESH_MS) return undefined;
    const line = (from: string, name: string) =>
      `deb [signed-by=${KEYRING}] ${from} ${name} main\n`;
    const sources =
      line(site, suite) + (security ? line(`${site}-security`, `${suite}-security`) : '');
    writeFileSync(join(folder, 'sources.list'), sources);
    // Where one of the lists cannot be had, apt-get only warns.
    const asked = this.run('apt-get', '-o', 'APT::Update::Error-Mode=any', 'update', '-qq');
    if (asked.code !== 0) return asked.complaint;
    writeFileSync(stamp, '');
    utimesSync(stamp, new Date(), new Date());
    return undefined;
  }

  /** `show`, as apt-cache(8) has it, for the newest version. @throws Error where there is none */
  show(name: string): string {
    const shown = this.run('apt-cache', 'show', '--no-all-versions', name);
    if (shown.code !== 0) throw new Error(shown.complaint);
    return shown.stdout;
  }

  /** @returns the .deb @throws Error where it cannot be had */
  download(name: string, version: string): string {
    const { folder, architecture } = this.#plan;
    // apt writes an epoch's colon so.
    const exact = version.replaceAll(':', '%3a');
    const file = join(folder, 'deb', `${name}_${exact}_${architecture}.deb`);
    if (existsSync(file)) return file;
    const done = this.run('apt-get', 'download', '-qq', `${name}=${version}`);
    if (done.code !== 0 || !existsSync(file)) throw new Error(done.complaint);
    return file;
  }

  run(program: string, ...args: string[]): Outcome {
    return command(program, [...this.#options, ...args], join(this.#plan.folder, 'deb'));
  }
}
