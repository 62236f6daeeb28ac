/** The proofs of connections.ts that one step cannot give: someone outside, an edit, two runs. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { follow, policyText, type Rule, until } from '../../e2e/stage.ts';
import { assertRow } from '../rows.ts';
import { outcomes, type RunGround, readReport } from '../run-ground.ts';
import { heldProbe, needUnixHooks } from '../stories.ts';
import { Missing, type Story } from '../technique.ts';
import { query } from './messages.ts';

export const GOOD = { name: 'good.example.test', address: '192.0.2.20' };
const MACHINE = '203.0.113.254';
const DNS = '192.0.2.53';
export const bad = (n: number): string => `198.51.100.${n}`;
export const lookup = `dns-udp ${DNS} 53 ${query(GOOD.name)}`;

/** From the internet's side, out of a port that the policy allows. */
async function callIn(ground: RunGround, from: string, port: number): Promise<void> {
  const { lab } = ground.stage;
  lab.addAddress(from);
  const program = `const socket = require('node:net').connect({
      host: '${MACHINE}', port: ${port}, localAddress: '${from}', localPort: 8000 });
    socket.on('error', () => undefined).on('data', () => socket.end());
    setTimeout(() => socket.destroy(), 1000);`;
  await lab.run('net', process.execPath, ['-e', program]);
}

type Step = (...words: string[]) => string;

/** The probe listens, somebody calls from outside; first free, then held. */
async function servedCalls(
  ground: RunGround,
  [first, second]: readonly [string, string],
  step: Step,
) {
  const { stage } = ground;
  const seen = (from: string) => stage.lab.packetsTo(from, 8000);
  const file = (name: string) => join(stage.work, name);
  const tag = step('x').split(' ')[0];

  const free = stage.lab.run('host', ...programOf(ground, step('4001', file(`${tag}-free`))), {
    cwd: stage.work,
  });
  await until(() => existsSync(file(`${tag}-free`)), 'the free listener');
  await callIn(ground, first, 4001);
  await free;
  assert.ok(seen(first) > 0, 'the control did not get through');

  const run = stage.start({
    policy: ground.group.policy,
    flags: ['--json'],
    command: ground.probe(lookup, step('4002', file(`${tag}-held`))),
  });
  await until(() => existsSync(file(`${tag}-held`)) || run.child.exitCode !== null, 'the listener');
  await callIn(ground, second, 4002);
  await run.ended;
  const said = `${run.stdout()}${run.stderr()}`;
  assert.equal(seen(second), 0, `it answered: ${said}`);
  assertRow(readReport(run.stderr()).events, { reason: 'default', ip: second, port: 8000 }, said);
}

const programOf = (ground: RunGround, ...steps: string[]): [string, string[]] => {
  const [program = '', ...rest] = ground.probe(...steps);
  return [program, rest];
};

export async function accepted(ground: RunGround): Promise<void> {
  await servedCalls(
    ground,
    [bad(40), bad(41)],
    (port = '', file = '') => `listen ${port} ${file} secret`,
  );
}

/** A service outside that shares its UDP port, and a command of the same user that joins it. */
export async function shared(ground: RunGround): Promise<void> {
  const { stage } = ground;
  const program = `const socket = require('node:dgram').createSocket({ type: 'udp4', reusePort: true });
    socket.on('message', (text) => console.log(String(text)));
    socket.bind(7072, '0.0.0.0', () => console.log('up'));`;
  const service = follow(stage.lab.spawn('host', process.execPath, ['-e', program]));
  const free = (step: string) =>
    stage.lab.run('host', ...programOf(ground, step), { cwd: stage.work });
  const got = (text: string) => service.stdout().split(text).length - 1;
  await until(() => got('up') > 0, 'the service');
  const steps = ['share 7072 secret-share', 'steer 7072 secret-steer'] as const;
  await free('share 7072 free-share');
  await until(() => got('free-share') > 0, 'the control');
  const held = await ground.held(steps);
  // The program of the first who steers stays with the port, so this control comes last.
  await free('steer 7072 free-steer');
  await until(() => got('free-steer') === 59, `all that was steered: ${service.stdout()}`);
  service.child.kill();
  await service.ended;
  assert.doesNotMatch(service.stdout(), /secret/);
  assert.match(held.outcomes[steps[0]] ?? '', /sent$|^EPERM$/, 'to itself at most');
  assert.equal(held.outcomes[steps[1]], 'option: EPERM');
  assertRow(held.events, { reason: 'local-service', port: 7072 }, held.said);
}

/** The command listens at one port; what comes back to who knocks there and beside it. */
export async function knocked(ground: RunGround): Promise<void> {
  const { stage } = ground;
  const file = join(stage.work, 'knocked');
  const run = stage.start({
    policy: ground.group.policy,
    command: ground.probe(`listen 4005 ${file} secret`),
  });
  await until(() => existsSync(file) || run.child.exitCode !== null, 'the listener');
  await Promise.all([callIn(ground, bad(44), 4005), callIn(ground, bad(45), 4006)]);
  await run.ended;
  assert.equal(stage.lab.packetsTo(bad(44), 8000), 0, 'the open port');
  assert.ok(stage.lab.packetsTo(bad(45), 8000) > 0, 'the closed port');
}

/** The listener's earlier life was allowed, on the very port that the caller comes from. */
export async function relisten(ground: RunGround): Promise<void> {
  await servedCalls(
    ground,
    [bad(42), bad(43)],
    (port = '', file = '') => `relisten ${GOOD.address} 8000 ${port} ${file} secret`,
  );
}

/** A starter opens a socket at `at` and becomes torwacht, or in the control the probe itself. */
export function inherit(
  at: number,
  kind: 'tcp' | 'udp',
  step: string,
  ends: 'open' | 'closed',
): Story {
  return async (ground) => {
    const { stage, furniture } = ground;
    const starter = ground.probe('--give', String(at), kind, '198.51.100.39', '8000');
    const seen = () => {
      const texts = furniture.sinks?.flatMap((sink) => sink.log()) ?? [];
      const received = texts.filter(({ body }) => body?.includes('secret')).length;
      return received + [30, 31].reduce((sum, n) => sum + stage.lab.packetsTo(bad(n)), 0);
    };
    const [program = '', ...words] = [...starter, ...ground.probe(step)];
    const before = seen();
    const free = await stage.lab.run('host', program, words, { cwd: stage.work });
    if (outcomes(free.stdout)[step] !== 'ok')
      throw new Missing(`the control: ${free.stdout}${free.stderr}`);
    await until(() => seen() > before, 'the control');
    const between = seen();
    const held = await stage.run({
      policy: ground.group.policy,
      command: ground.probe(step),
      starter,
    });
    const said = `${held.stdout}${held.stderr}`;
    if (ends === 'closed') {
      assert.match(outcomes(held.stdout)[step] ?? '', /^(EBADF|ENOTSOCK)$/, said);
      assert.equal(seen(), between, said);
    } else {
      assert.equal(outcomes(held.stdout)[step], 'ok', said);
      await until(() => seen() > between, `what was sent: ${said}`);
    }
  };
}

/** A program outside that gives its socket to the first who connects. */
async function giver(ground: RunGround, name: string): Promise<void> {
  const { lab, work } = ground.stage;
  const child = lab.spawn('host', ...programOf(ground, `give ${name}`), { cwd: work });
  await new Promise((done) => child.stdout?.once('data', done));
}

export async function passed(ground: RunGround): Promise<void> {
  await needUnixHooks();
  const { lab } = ground.stage;
  const name = `${lab.id}-gives`;
  await giver(ground, name);
  const step = `taken ${name} ${bad(32)} 5000 secret`;
  const held = await ground.held([step]);
  assert.equal(held.outcomes[step], 'connect: EPERM', held.said);
  assert.equal(lab.packetsTo(bad(32)), 0);
  assert.equal((await ground.free([step]))[step], 'ok', 'control');
  assert.ok(lab.packetsTo(bad(32)) > 0, 'control');
}

export async function passedLater(ground: RunGround): Promise<void> {
  const probe = heldProbe(ground);
  await until(() => probe.running.stdout().startsWith('up\t'), 'the probe');
  await giver(ground, './gives');
  const step = `taken ./gives ${bad(33)} 5000 secret`;
  assert.equal((await probe.take(step))[step], 'ok', 'the limit holds no more');
  assert.ok(ground.stage.lab.packetsTo(bad(33)) > 0);
  await probe.ended();
}

export const allowGood: Rule = { fqdn: [GOOD.name], ports: [{ port: 8000 }] };

/** The same connection twice: the policy is edited while it is open, to one that keeps or loses its name. */
export async function narrowed(ground: RunGround): Promise<void> {
  const { stage, furniture } = ground;
  const received = (text: string) =>
    furniture.sinks?.some((sink) => sink.log().some(({ body }) => body?.includes(text))) ?? false;
  const attempt = async (label: string, after: readonly Rule[]) => {
    const [open, go] = ['open', 'go'].map((word) => join(stage.work, `${label}-${word}`));
    const file = stage.policy(policyText({ allow: [allowGood] }), `${label}.yaml`);
    const run = stage.start({
      policy: file,
      flags: ['--json'],
      command: ground.probe(lookup, `hold ${GOOD.address} 8000 ${open} ${go} secret-${label}`),
    });
    await until(() => existsSync(open ?? '') || run.child.exitCode !== null, 'the connection');
    stage.policy(policyText({ allow: after }), `${label}.yaml`);
    await until(() => run.stderr().includes('is in force'), `the edit: ${run.stderr()}`);
    await stage.lab.run('host', 'touch', [go ?? '']);
    await run.ended;
    return run;
  };
  const other: Rule = { fqdn: ['other.example.test'] };
  await attempt('kept', [allowGood, other]);
  await until(() => received('secret-kept'), 'what a name that is still allowed carries');
  const run = await attempt('narrowed', [other]);
  assert.equal(received('secret-narrowed'), false);
  const row = { reason: 'default', ip: GOOD.address, port: 8000 } as const;
  assertRow(readReport(run.stderr()).events, row, run.stderr());
}

export async function learnedByAnother(ground: RunGround): Promise<void> {
  const { stage } = ground;
  const [known, done] = ['known', 'done'].map((word) => join(stage.work, word));
  const first = stage.start({
    policy: ground.group.policy,
    command: ground.probe(lookup, `tcp ${GOOD.address} 8000 hello-first`, `wait ${known} ${done}`),
  });
  await until(() => existsSync(known ?? ''), `the first run: ${first.stderr()}`);
  // The last packets of the first connection may still be on their way.
  let before = -1;
  let calm = 0;
  await until(() => {
    const now = stage.lab.packetsTo(GOOD.address);
    calm = now === before ? calm + 1 : 0;
    before = now;
    return calm >= 50;
  }, 'the end of the first connection');
  const step = `tcp ${GOOD.address} 8000 secret-second`;
  const second = await ground.held([step]);
  assert.equal(second.outcomes[step], 'EPERM');
  assert.equal(stage.lab.packetsTo(GOOD.address), before);
  assertRow(second.events, { reason: 'default', ip: GOOD.address, port: 8000 });
  await stage.lab.run('host', 'touch', [done ?? '']);
  await first.ended;
  assert.equal(outcomes(first.stdout())[`tcp ${GOOD.address} 8000 hello-first`], 'ok');
}
