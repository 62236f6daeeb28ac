/** Where pods' links are pinned: a BPF file system that outlives this process, and the container that it may be in. */
import { failure } from '#api/error.ts';
import { mounted } from '../leftovers/bpffs.ts';
import { errors } from './errors.ts';

/**
 * One that is there already. What an agent in a container mounts is its own and ends with it, and with it every
 * link: running jobs would be free.
 * @throws TW_AGENT_BPFFS
 */
export function lastingBpffs(): string {
  const path = mounted();
  if (path === undefined) throw failure(errors.noBpffs);
  return path;
}
