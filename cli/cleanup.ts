/** `torwacht cleanup`: removes what killed runs left. */
import { sweep } from '#agent/leftovers/sweep.ts';
import { failure } from '#api/error.ts';
import { type Io, plural, printable } from './policy/io.ts';
import { errors } from './run/errors.ts';

/** 0 when nothing of an unattended run is left, 1 when processes of one still live. */
export async function cleanup(force: boolean, io: Io): Promise<number> {
  const uid = process.getuid?.() ?? -1;
  if (uid !== 0) throw failure(errors.notRoot, { uid });
  const { removed, alive, attended } = await sweep(force);
  for (const run of removed) io.stdout.write(`removed run ${run.id}: ${printable(run.command)}\n`);
  for (const run of alive) {
    io.stdout.write(
      `still held, run ${run.id}: ${printable(run.command)}\n  its processes live in ${run.cgroup}; --force ends them\n`,
    );
  }
  if (attended.length > 0) io.stdout.write(`${plural(attended.length, 'run')} in progress\n`);
  if (removed.length + alive.length + attended.length === 0) io.stdout.write('nothing to remove\n');
  return alive.length > 0 ? 1 : 0;
}
