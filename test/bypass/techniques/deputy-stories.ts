/** Accomplices that do their part while the command runs, and names that no folder holds. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../e2e/stage.ts';
import { freeProbe, heldProbe, needUnixHooks } from '../stories.ts';
import type { Story } from '../technique.ts';

export function laterSocket(at: string, text: string): Story {
  return async (ground) => {
    const probe = heldProbe(ground);
    await until(() => probe.running.stdout().startsWith('up\t'), 'the probe');
    writeFileSync(join(ground.stage.work, 'now'), '');
    await until(() => existsSync(join(ground.stage.work, 'later.sock')), 'the socket');
    const step = `ask-unix ./later.sock ${at} 8000 ${text}`;
    assert.equal((await probe.take(step))[step], 'done', 'the limit holds no more');
    await until(() => (ground.seen([{ text }])[0] ?? 0) > 0, 'what was asked for');
    await probe.ended();
  };
}

/** The probe itself serves such names outside: one by stream, one by datagram. */
export function abstractOfOthers(...addresses: readonly [string, string]): Story {
  return async (ground) => {
    await needUnixHooks();
    const outside = freeProbe(ground);
    const name = `@torwacht-bypass-${process.pid}`;
    const [stream, datagram] = addresses.map((at) => ({ at, text: `secret-abstract-${at}.` }));
    assert.ok(stream && datagram);
    const asks = [
      `ask-unix ${name} ${stream.at} 8000 ${stream.text}`,
      `tell-unix ${name} ${datagram.at} 8000 ${datagram.text}`,
    ];
    // The probe serves until both controls have come: they are made last.
    const serving = outside.take(`serve-unix ${name} 2`);
    const names = `/proc/${outside.running.pid}/net/unix`;
    await until(() => readFileSync(names, 'utf8').split(name).length > 2, 'both sockets');
    const seen = () => ground.seen([{ text: stream.text }, { text: datagram.text }]);
    const own = 'own-unix @torwacht-bypass-own';
    const nobodys = `ask-unix @torwacht-bypass-nobody ${stream.at} 8000 x`;
    const held = await ground.held([...asks, ...asks.map((ask) => `as-user ${ask}`), own, nobodys]);
    assert.deepEqual(
      Object.values(held.outcomes),
      ['EPERM', 'EPERM', 'EPERM', 'EPERM', 'ok', 'ECONNREFUSED'],
      held.said,
    );
    assert.deepEqual(seen(), [0, 0]);
    const control = await ground.free([...asks, own]);
    assert.deepEqual(Object.values(control), ['done', 'ok', 'ok'], 'control');
    await serving;
    await until(() => seen().every((count) => count > 0), 'what the control asked for');
    await outside.ended();
  };
}
