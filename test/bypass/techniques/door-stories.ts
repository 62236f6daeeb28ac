/** Another terminal of the same user: a probe outside holds it, and tells what was written to it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readIfThere, until } from '../../e2e/stage.ts';
import { freeProbe } from '../stories.ts';
import type { Story } from '../technique.ts';

export const otherTerminal: Story = async (ground) => {
  const outside = freeProbe(ground);
  const hold = 'hold-terminal ./terminal';
  const told = outside.take(hold);
  const name = () => readIfThere(join(ground.stage.work, 'terminal')).trim();
  await until(() => name() !== '', 'the terminal');
  const write = `write-line ${name()}`;
  const held = await ground.held([`${write} from-inside`]);
  assert.equal(held.outcomes[`${write} from-inside`], 'ENOENT', held.said);
  const free = await ground.free([`${write} from-outside`]);
  assert.equal(free[`${write} from-outside`], 'ok');
  assert.equal((await told)[hold], 'from-outside', 'the control alone');
  await outside.ended();
};
