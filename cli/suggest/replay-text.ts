/** What a policy would have refused, as people read it. */
import type { Refused, ReplayedRun } from '#policy/suggest/replay.ts';
import { type Io, type Output, plural, printable, styled } from '../policy/io.ts';

export function printReplay(runs: readonly ReplayedRun[], io: Io, to: Output): void {
  const attempts = runs.reduce((sum, run) => sum + run.attempts, 0);
  const refused = runs.filter((run) => run.refused.length > 0);
  const line = (text: string) => to.write(`${text}\n`);
  const where = `${plural(runs.length, 'run')} with ${plural(attempts, 'attempt')}`;
  if (refused.length === 0) {
    line(`${styled(io, 'green', 'nothing refused')} in ${where}`);
    return;
  }
  line(`${styled(io, 'red', 'refused')} in ${refused.length} of ${where}`);
  for (const { pod, run, time, refused: list } of refused) {
    line(`${printable(pod ?? run)} (${printable(time)})`);
    for (const one of list) line(`  ${refusedText(one)}`);
  }
}

function refusedText({ what, reason, rule, count, passed, users }: Refused): string {
  const why = rule === 'default' || rule === 'always denied' ? rule : `${rule} (${reason})`;
  const then = passed ? 'passed then' : 'refused then too';
  const times = count === 1 ? 'once' : `${count} times`;
  return `${printable(what)}, ${times}, ${then}: ${printable(why)}; ${printable(users.join(', '))}`;
}
