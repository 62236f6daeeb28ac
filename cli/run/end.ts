/** What happens to a target when its command has ended: nothing of it may go on. */
import { readFileSync } from 'node:fs';
import { isPopulated, membersOf } from '#agent/cgroup/cgroup.ts';
import { freeze, killAll } from '#agent/cgroup/end.ts';
import { escapeText } from '#api/escape.ts';
import { maskText } from '#api/mask.ts';

/** How often we look whether bwrap's own processes have gone, and how long we wait between, ms. */
const LOOKS = 200;
const PAUSE = 5;

/**
 * Ends every process that is left in the cgroup. `init` is the sandbox's first process, which goes by
 * itself when it is the last. Returns the names of those that had to be ended.
 */
export async function endTarget(
  cgroup: string,
  init: number | undefined,
): Promise<readonly string[]> {
  for (let look = 0; look < LOOKS && isPopulated(cgroup); look++) {
    const others = membersOf(cgroup).filter((pid) => pid !== init);
    if (others.length > 0 && look > 2) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  if (!isPopulated(cgroup)) return [];
  await freeze(cgroup);
  const left = membersOf(cgroup).filter((pid) => pid !== init);
  const names = left.map((pid) => `${nameOf(pid)}[${pid}]`);
  await killAll(cgroup);
  return names;
}

function nameOf(pid: number): string {
  try {
    return maskText(escapeText(readFileSync(`/proc/${pid}/comm`, 'latin1').trimEnd()));
  } catch {
    return '?';
  }
}
