/**
 * The packages of systemd that a machine needs, of one version, from this host's own suite: unpacked and not
 * installed, since systemd-resolved takes over the host's resolv.conf. What was unpacked is kept.
 */
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { command } from './command.ts';
import { errors } from './errors.ts';
import { KERNELS } from './places.ts';

/** Which of these there are differs; the first has what its suite does not split off. */
const PACKAGES = ['systemd', 'libsystemd-shared', 'libsystemd0', 'systemd-resolved'];

/** A folder that stands for `/`. @throws TW_KERNELS_SYSTEMD */
export function systemdRoot(): string {
  const root = join(KERNELS, 'systemd');
  if (existsSync(root)) return root;
  mkdirSync(KERNELS, { recursive: true });
  const work = mkdtempSync(join(KERNELS, '.systemd-'));
  try {
    fetch(work);
    const made = join(work, 'root');
    for (const file of globSync('*.deb', { cwd: work })) {
      run('dpkg-deb', ['--extract', file, made], work);
    }
    if (!existsSync(join(made, 'lib/systemd/systemd-resolved'))) {
      throw failure(errors.systemd, { reason: 'there is no systemd-resolved in its packages' });
    }
    renameSync(made, root);
    return root;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Lists that are too old name files that are gone: then they are asked for anew. */
function fetch(folder: string): void {
  const download = () => {
    const names = PACKAGES.filter((one) => command('apt-cache', ['show', one], '/').code === 0);
    return command(
      'apt-get',
      ['-o', 'APT::Sandbox::User=root', 'download', '-qq', ...names],
      folder,
    );
  };
  if (download().code === 0) return;
  run('apt-get', ['update', '-qq'], folder);
  const { code, complaint } = download();
  if (code !== 0) throw failure(errors.systemd, { reason: complaint });
}

function run(program: string, args: readonly string[], cwd: string): void {
  const { code, complaint } = command(program, args, cwd);
  if (code !== 0) throw failure(errors.systemd, { reason: complaint });
}
