/**
 * Tags of sockets by cgroup v1. Before Linux 5.15 a tag stands where a socket keeps its cgroup: the first
 * that is set makes every new socket one of the root cgroup's, and no target is held any more.
 */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { failure, type TorwachtError } from '#api/error.ts';
import { errors } from './errors.ts';

const TAGGING = ['net_cls', 'net_prio'];

/**
 * Controllers of /proc/cgroups that tag and are in use by cgroup v1: their hierarchy has a number there,
 * which the v2 tree does not have (cgroups(7)).
 */
export function taggingInUse(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', hierarchy] = line.split('\t');
    return TAGGING.includes(name) && Number(hierarchy) > 0 ? [name] : [];
  });
}

/** TW_HOST_TAGGED_SOCKETS where this host can take sockets away from their targets. */
export function taggedSockets(
  kernel: { keepsCgroup(): boolean },
  text = readFileSync('/proc/cgroups', 'utf8'),
): TorwachtError | undefined {
  const controllers = taggingInUse(text);
  if (controllers.length === 0 || kernel.keepsCgroup()) return undefined;
  return failure(errors.tagged, { controllers: controllers.join(), kernel: release() });
}
