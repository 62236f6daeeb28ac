/** The agent's process and its port, from inside and from outside. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { recordOf } from '../../e2e/record.ts';
import { follow, TORWACHT, until } from '../../e2e/stage.ts';
import { assertRow } from '../rows.ts';
import type { RunGround } from '../run-ground.ts';
import { freeProbe, heldProbe, type WaitingProbe } from '../stories.ts';
import type { Story } from '../technique.ts';
import { query } from './messages.ts';

/** Someone to try it on without torwacht: the same steps must work there. */
function victim(ground: RunGround) {
  return follow(ground.stage.lab.spawn('host', 'sleep', ['60']));
}

const sends = (at: string, text: string) => `tcp ${at} 8000 ${text}`;

async function assertStillHeld(ground: RunGround, probe: WaitingProbe, at: string, text: string) {
  const { outcomes, events, said } = await probe.ended();
  assert.equal(outcomes[sends(at, text)], 'EPERM', said);
  assert.deepEqual(ground.seen([{ packets: at, port: 8000 }]), [0]);
  assertRow(events, { reason: 'default', ip: at, port: 8000 }, said);
}

export function kill(at: string): Story {
  return async (ground) => {
    const other = victim(ground);
    const signals = ['kill', 'as-user kill'].flatMap((by) =>
      [19, 15, 9].map((signal) => (pid: number) => `${by} ${pid} ${signal}`),
    );
    const control = freeProbe(ground);
    const [stop = '', , end = ''] = signals.map((make) => make(other.pid));
    const free = await control.take(stop, end);
    assert.deepEqual([free[stop], free[end], await other.ended], ['ok', 'ok', 'SIGKILL']);

    const probe = heldProbe(ground);
    const steps = signals.map((make) => make(probe.running.pid));
    // The first process that it can see is the sandbox's own, which a signal from inside does not end.
    const said = await probe.take(...steps, 'kill 1 9', 'kill 1 19', sends(at, 'secret-kill'));
    for (const step of steps) assert.equal(said[step], 'ESRCH', step);
    await assertStillHeld(ground, probe, at, 'secret-kill');
  };
}

export const trace: Story = async (ground) => {
  const other = victim(ground);
  const asRoot = (pid: number) => [
    `trace ${pid}`,
    `open-memory ${pid}`,
    `read-memory ${pid}`,
    `take-file ${pid} 1`,
  ];
  const steps = (pid: number) => [...asRoot(pid), ...asRoot(pid).map((step) => `as-user ${step}`)];
  const free = await freeProbe(ground).take(...steps(other.pid));
  const outcomes = asRoot(other.pid).map((step) => free[step]);
  assert.deepEqual(outcomes, ['ok', 'ok', 'EFAULT', 'ok'], 'control');

  const probe = heldProbe(ground);
  const said = await probe.take(...steps(probe.running.pid));
  for (const step of steps(probe.running.pid)) {
    assert.match(said[step] ?? '', step.includes('open-memory') ? /^ENOENT$/ : /^ESRCH$/, step);
  }
  await probe.ended();
  other.child.kill('SIGKILL');
};

interface Orphan {
  readonly probe: WaitingProbe;
  /** The resolver's port, while there was one. */
  readonly port: number;
  /** When the probe has ended: what the killed run left is removed. */
  clean(): Promise<void>;
}

/** SIGKILL from outside, while the probe waits for its steps. */
async function orphan(ground: RunGround): Promise<Orphan> {
  const probe = heldProbe(ground);
  const { running } = probe;
  await until(() => running.stdout().startsWith('up\t'), 'the probe');
  const { file } = recordOf(running.pid);
  const port = resolverPort(running.pid);
  running.child.kill('SIGKILL');
  await until(() => running.child.signalCode !== null, 'its end');
  const clean = async () => {
    await running.ended;
    await until(async () => {
      await ground.stage.lab.run('host', TORWACHT, ['cleanup']);
      return !existsSync(file);
    }, 'the clean-up');
  };
  return { probe, port, clean };
}

export function die(at: string): Story {
  return async (ground) => {
    const step = sends(at, 'secret-dead');
    const { probe, clean } = await orphan(ground);
    const said = await probe.take(step);
    assert.equal(said[step], 'EPERM');
    assert.deepEqual(ground.seen([{ packets: at, port: 8000 }]), [0]);
    await clean();
    const free = await freeProbe(ground).take(step);
    assert.equal(free[step], 'ok', 'control');
  };
}

/** The port on 127.0.0.1 that a process of the lab's `host` side has open for UDP: its resolver's. */
function resolverPort(pid: number): number {
  const table = readFileSync(`/proc/${pid}/net/udp`, 'utf8');
  const port = /^\s*\d+: 0100007F:([0-9A-F]{4}) 00000000:0000/m.exec(table)?.[1];
  assert.ok(port !== undefined, table);
  return Number.parseInt(port, 16);
}

const binds = (port: number) => [
  `bind-udp 127.0.0.1 ${port}`,
  `bind-udp 127.0.0.1 ${port} join`,
  `bind-udp 0.0.0.0 ${port} join`,
  `bind-udp 127.0.0.2 ${port}`,
  `bind-tcp 127.0.0.1 ${port} join`,
  `bind-tcp 0.0.0.0 ${port} join`,
  `bind-udp :: ${port} join`,
  `bind-tcp ::1 ${port} join`,
];

export const takePort: Story = async (ground) => {
  const probe = heldProbe(ground);
  await until(() => probe.running.stdout().startsWith('up\t'), 'the probe');
  const port = resolverPort(probe.running.pid);
  const asked = { asked: 'port.evil.test' };

  // Another target, and a process of no target, ask it for a name of theirs.
  const step = `dns-udp 127.0.0.1 ${port} ${query('port.evil.test')}`;
  const other = await ground.held([step]);
  assert.equal(other.outcomes[step], 'EPERM', other.said);
  assertRow(other.events, { reason: 'local-service', ip: '127.0.0.1', port }, other.said);
  assert.equal((await ground.free([step]))[step], 'EAGAIN');
  const itself = await probe.take(...binds(port), step);
  for (const bind of binds(port)) assert.equal(itself[bind], 'EPERM', bind);
  const { events, said } = await probe.ended();
  assertRow(events, { reason: 'default', domain: 'port.evil.test' }, said);
  assert.deepEqual(ground.seen([asked]), [0]);

  const free = await freeProbe(ground).take(...binds(port));
  for (const bind of binds(port)) assert.equal(free[bind], 'ok', `control: ${bind}`);
};

export const dieAndBeReplaced: Story = async (ground) => {
  const { probe, port, clean } = await orphan(ground);
  const outside = freeProbe(ground);
  const caught = `catch-udp 127.0.0.1 ${port}`;
  const catching = outside.take(caught);
  const taken = new RegExp(`0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} `);
  const table = `/proc/${outside.running.pid}/net/udp`;
  await until(() => taken.test(readFileSync(table, 'utf8')), 'the port to be taken');
  const sent = `udp 127.0.0.1 ${port} to-whom-it-concerns`;
  const inside = await probe.take(...binds(port), sent);
  for (const bind of binds(port)) assert.equal(inside[bind], 'EPERM', bind);
  assert.equal((await catching)[caught], 'to-whom-it-concerns', 'the limit holds no more');
  await clean();
};
