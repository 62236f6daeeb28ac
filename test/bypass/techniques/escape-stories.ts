/** Ways out that need someone outside, or go on when the command has ended. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { membersOf } from '#agent/cgroup/cgroup.ts';
import { recordOf } from '../../e2e/record.ts';
import { readIfThere, until } from '../../e2e/stage.ts';
import { assertRow } from '../rows.ts';
import { heldProbe, tryBoth } from '../stories.ts';
import type { Story } from '../technique.ts';

/** A process on the other side of the wire: whoever gets into its network is there. */
export function joinNetwork(at: string): Story {
  return async (ground) => {
    const { lab } = ground.stage;
    const helper = lab.spawn('net', 'sleep', ['60']);
    const ready = () => readIfThere(`/proc/${helper.pid}/comm`).trim() === 'sleep';
    await until(ready, 'the helper');
    const step = `by ns:/proc/${helper.pid}/ns/net tcp ${at} 8000 secret-netns`;
    const witness = { text: 'secret-netns' };
    const { free, held, seenFree, seenHeld } = await tryBoth(ground, [step], witness);
    assert.equal(free[step], 'ok, then ok');
    assert.ok(seenFree > 0, 'control');
    assert.equal(held.outcomes[step], 'ENOENT, then EPERM', held.said);
    assert.equal(seenHeld, 0);
    assertRow(held.events, { reason: 'default', ip: at, port: 8000 }, held.said);
    helper.kill('SIGKILL');
  };
}

/** Root outside writes the probe's pid into another cgroup: from then on it is nobody's. */
export function movedByRoot(at: string): Story {
  return async (ground) => {
    const probe = heldProbe(ground);
    await until(() => probe.running.stdout().startsWith('up\t'), 'the probe');
    const { cgroup } = recordOf(probe.running.pid);
    const isProbe = (pid: number) => readIfThere(`/proc/${pid}/comm`).trim() === 'probe';
    const pid = membersOf(cgroup).find(isProbe);
    assert.ok(pid !== undefined, 'the probe is in the target');
    writeFileSync(join(dirname(cgroup), 'cgroup.procs'), String(pid));
    const step = `tcp ${at} 8000 secret-moved`;
    const said = await probe.take(step);
    assert.equal(said[step], 'ok', 'the limit holds no more');
    await probe.ended();
    await until(() => (ground.seen([{ text: 'secret-moved' }])[0] ?? 0) > 0, 'what was sent');
  };
}

/**
 * A process in a session of its own that waits for a file, which comes when the command has long ended.
 * Free, it then sends; held, it is no more.
 */
export function outlive(at: string): Story {
  return async (ground) => {
    const { stage, probe, group } = ground;
    const witness = { packets: at, port: 8000, protocol: 'tcp' };
    const seen = () => ground.seen([witness])[0] ?? 0;
    const leave = (name: string) => {
      const [program, ...steps] = probe(`script ./${name}`, 'up');
      const left = `(setsid nohup ${program} '${steps.join("' '")}' >./${name}.said 2>&1 &)`;
      return ['sh', '-c', `${left}; until [ -e ./${name}.said ]; do :; done`];
    };
    const [shell = '', ...free] = leave('late-free');
    await stage.lab.run('host', shell, free, { cwd: stage.work });
    writeFileSync(join(stage.work, 'late-free'), `tcp ${at} 8000 secret-late\n`);
    await until(() => seen() > 0, 'the control');

    const before = seen();
    const { policy } = group;
    const ended = await stage.run({ policy, command: leave('late-held') });
    const pid = /ended what the command left running: .*probe\[(\d+)\]/.exec(ended.stderr)?.[1];
    assert.ok(pid !== undefined, ended.stderr);
    assert.ok(!existsSync(`/proc/${pid}`));
    writeFileSync(join(stage.work, 'late-held'), `tcp ${at} 8000 secret-late\n`);
    await sleep(300);
    assert.equal(seen(), before);
    assert.equal(readIfThere(join(stage.work, 'late-held.said')), '');
  };
}
