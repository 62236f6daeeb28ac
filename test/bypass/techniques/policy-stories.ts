/**
 * Edits of the policy by the command. Each writes one that would open an address; torwacht says that it has
 * seen the change before the address is tried.
 */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { policyText, type Stage, until } from '../../e2e/stage.ts';
import { assertRow } from '../rows.ts';
import { heldProbe } from '../stories.ts';
import type { Story } from '../technique.ts';

const open = (at: string) =>
  policyText({ allow: [{ cidr: [`${at}/32`], ports: [{ port: 8000 }] }] });
const closed = policyText({ allow: [{ fqdn: ['good.example.test'] }] });
const NOT_USED = 'the command could have done that, so it is not used';

interface Scene {
  /** What `--policy` names. */
  readonly policy: string;
  /** What the command does to it. */
  readonly steps: readonly string[];
}

/** The control of every edit: from outside, it is in force within a second. */
export function fromOutside(at: string): Story {
  return async (ground) => {
    const { stage } = ground;
    const policy = stage.policy(closed, 'outside.yaml');
    const probe = heldProbe(ground, { policy });
    await until(() => probe.running.stdout().startsWith('up\t'), 'the probe');
    stage.policy(open(at), 'outside.yaml');
    await until(() => probe.running.stderr().includes('changed and is in force'), 'the edit');
    const step = `tcp ${at} 8000 secret-policy`;
    assert.equal((await probe.take(step))[step], 'ok');
    await probe.ended();
  };
}

/** The command edits it, torwacht has seen and said so, and the command tries. */
function edited(at: string, stand: (stage: Stage, name: string) => Scene): Story {
  return async (ground) => {
    const { stage } = ground;
    const { policy, steps } = stand(stage, `edited-${at}`);
    writeFileSync(join(stage.work, `open-${at}.yaml`), open(at));
    const editing = heldProbe(ground, { policy });
    const attempt = `tcp ${at} 8000 secret-policy`;
    const waited = `until ./seen-${at}`;
    const said = editing.take(...steps, waited, attempt);
    await until(() => editing.running.stderr().includes(NOT_USED), 'that it is seen');
    writeFileSync(join(stage.work, `seen-${at}`), '');
    const all = await said;
    for (const step of steps) assert.match(all[step] ?? '', /^0 /, step);
    assert.equal(all[attempt], 'EPERM');
    const { events, said: told } = await editing.ended();
    assert.deepEqual(ground.seen([{ packets: at, port: 8000 }]), [0]);
    assertRow(events, { reason: 'default', ip: at, port: 8000 }, told);
  };
}

export const byWriting = (at: string) =>
  edited(at, ({ work }, name) => {
    const policy = join(work, `${name}.yaml`);
    writeFileSync(policy, closed);
    return { policy, steps: [`run cp open-${at}.yaml ${policy}`] };
  });

export const byRename = (at: string) =>
  edited(at, ({ work }, name) => {
    const folder = join(work, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'policy.yaml'), closed);
    return {
      policy: folder,
      steps: [
        `run mv ${folder} ${folder}.old`,
        `run mkdir ${folder}`,
        `run mv open-${at}.yaml ${folder}/policy.yaml`,
      ],
    };
  });

export const byLink = (at: string) =>
  edited(at, (stage, name) => {
    const link = join(stage.work, `${name}-link.yaml`);
    symlinkSync(stage.policy(closed, `${name}.yaml`), link);
    return { policy: link, steps: [`run ln -sfn open-${at}.yaml ${link}`] };
  });

/** The file lies where the command cannot write; an accomplice had linked it into the working folder. */
export const byHardLink = (at: string) =>
  edited(at, (stage, name) => {
    const policy = stage.policy(closed, `${name}.yaml`);
    const second = join(stage.work, `${name}-second.yaml`);
    linkSync(policy, second);
    return { policy, steps: [`run cp open-${at}.yaml ${second}`] };
  });
