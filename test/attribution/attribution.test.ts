/**
 * Who did it? Some sixty shapes of processes (shapes.ts), each refused once, and the row of each must name the
 * process that made the call, its parent and its executable, or say that it does not know. What a process does to
 * hide is in the shapes.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { eventsOf } from '../e2e/rows.ts';
import {
  hasProgram,
  type PolicySpec,
  readIfThere,
  sharedStage,
  skip,
  until,
} from '../e2e/stage.ts';
import { compileOnce, sharedHeader } from '../lab/compile.ts';
import { type Shape, shapes } from './shapes.ts';

const BAD = '198.51.100.66';
const FIRST_PORT = 4001;
const REUSE_PORTS = 5000;
const REUSE_ATTEMPTS = 300;
const policy: PolicySpec = { allow: [{ fqdn: ['good.example.test'] }] };

const stage = sharedStage('attribution', (lab) =>
  Promise.all([lab.dnsmasq([]), lab.sink([{ kind: 'http', address: BAD, port: FIRST_PORT }])]),
);

const portOf = (shape: Shape): number => FIRST_PORT + shapes.indexOf(shape);
const lacks = ({ needs = [] }: Shape) => needs.find((name) => !hasProgram(name));

/** The program of shapes in a folder that is the command's own, and its other name. */
function place(folder: string): string {
  const source = join(import.meta.dirname, 'shape.c');
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'shape');
  copyFileSync(compileOnce('shape', [source], [sharedHeader]), program);
  linkSync(program, join(folder, 'other'));
  return program;
}

/** A script of bash that goes through the shapes, each in a folder of its own. */
function scriptOf(list: readonly Shape[]): string {
  const blocks = list.map((shape) => {
    const folder = join(stage().work, shape.id);
    const file = join(folder, shape.id);
    const program = place(folder);
    const fill = (text: string) =>
      text
        .replaceAll('$S', program)
        .replaceAll('$N', process.execPath)
        .replaceAll('$F', file)
        .replaceAll('$A', BAD)
        .replaceAll('$P', String(portOf(shape)));
    const line = fill(shape.line);
    if (shape.file !== undefined) writeFileSync(file, fill(shape.file));
    return `cd ${folder}\n${line}\n`;
  });
  return blocks.join('');
}

/** What is wrong with what a row says of its process; an empty list where it is right or says nothing. */
function lies({ comm, parent, exe, argv, uid }: Shape, row: EgressEvent): string[] {
  const says = (
    what: string,
    said: string | number | null,
    right: string | number | RegExp | undefined,
  ) =>
    said === null || right === undefined || matches(said, right)
      ? []
      : [`${what} is ${said} and should be ${right}`];
  return [
    ...says('comm', row.comm, comm),
    ...says('parent_comm', row.parent_comm, parent),
    ...says('exe', row.exe, exe),
    ...says('argv', row.argv, argv),
    ...says('uid', row.uid, uid),
  ];
}

const matches = (said: string | number, right: string | number | RegExp) =>
  right instanceof RegExp ? right.test(String(said)) : said === right;

/** Rows by port, after all these shapes have been refused in one run. */
async function rowsOf(
  list: readonly Shape[],
  flags: readonly string[],
): Promise<Map<number, EgressEvent[]>> {
  const script = stage().policy(scriptOf(list), `shapes-${list.length}.sh`);
  const ended = await stage().run({
    policy,
    flags: ['--json', ...flags, '--allow-read', script],
    command: ['bash', script],
  });
  const told = ended.stderr.split('\n').filter((line) => line.startsWith('shape: '));
  assert.deepEqual(told, [], 'no shape fails in another way than by being refused');
  const events = eventsOf(
    ended.stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .join('\n'),
  );
  return Map.groupBy(
    events.filter(({ ip }) => ip === BAD),
    ({ port }) => port ?? 0,
  );
}

test('control: without us a shape gets through', { skip }, async () => {
  const program = place(join(stage().work, 'control'));
  const { code, stderr } = await stage().lab.run('host', program, ['try', BAD, String(FIRST_PORT)]);
  assert.equal(code, 4, stderr);
});

test('the row of each shape names the process that did it', { skip }, async (t) => {
  const plain = shapes.filter((shape) => !shape.ring && lacks(shape) === undefined);
  const rows = await rowsOf(plain, []);
  await judge(t, plain, rows);
  // And it is not blind: of a neighbour's row it says that it is wrong.
  const [one, another] = ['perl', 'python'].map((id) => plain.find((shape) => shape.id === id));
  const row = another && rows.get(portOf(another))?.at(-1);
  assert.ok(one && row && lies(one, row).length > 0);
  for (const shape of shapes.filter((one) => lacks(one) !== undefined)) {
    await t.test(shape.id, (one) => one.skip(`this machine has no ${lacks(shape)}`));
  }
});

test('the row of a submission by io_uring names who submitted it', {
  skip: skip || noRing(),
}, async (t) => {
  const rings = shapes.filter(({ ring }) => ring);
  await judge(t, rings, await rowsOf(rings, ['--allow-io-uring']));
});

async function judge(
  t: TestContext,
  list: readonly Shape[],
  rows: ReadonlyMap<number, readonly EgressEvent[]>,
): Promise<void> {
  let unknown = 0;
  for (const shape of list) {
    await t.test(shape.id, () => {
      const all = rows.get(portOf(shape)) ?? [];
      const row = all.at(-1) ?? assert.fail('it has no row');
      assert.equal(row.count, 1);
      assert.equal(row.action, 'block');
      assert.deepEqual(lies(shape, row), [], JSON.stringify(row));
      if (row.comm === null) unknown += 1;
    });
  }
  t.diagnostic(`${list.length} shapes: ${list.length - unknown} named, ${unknown} unknown`);
}

test('a pid that was another process’s names the one that has it now, and the row of the other stays', {
  skip: skip || notFirstNamespace(),
}, async (t) => {
  const folder = join(stage().work, 'reused');
  place(folder);
  const orders = join(folder, 'orders');
  execFileSync('mkfifo', [orders]);
  const loop = `exec 3<> ${orders}; while read -r name port <&3 && [ "$name" != end ]; do ${folder}/$name try ${BAD} $port; done`;
  const run = stage().start({ policy, flags: ['--json'], command: ['bash', '-c', loop] });
  const rows = () =>
    eventsOf(run.stderr().split('\n').slice(0, -1).join('\n')).filter(({ ip }) => ip === BAD);
  const attempt = async (name: string, port: number): Promise<EgressEvent> => {
    appendFileSync(orders, `${name} ${port}\n`);
    await until(() => rows().some((row) => row.port === port), `the row of port ${port}`);
    return rows().find((row) => row.port === port) as EgressEvent;
  };
  let before = await attempt('shape', REUSE_PORTS);
  for (let i = 1; i <= REUSE_ATTEMPTS; i++) {
    const name = i % 2 === 0 ? 'shape' : 'other';
    // The kernel gives the next number that is free; on a busy machine somebody else may come between.
    writeFileSync('/proc/sys/kernel/ns_last_pid', String((before.pid ?? 0) - 1));
    const row = await attempt(name, REUSE_PORTS + i);
    assert.equal(row.comm, name);
    if (row.pid === before.pid) {
      assert.notEqual(row.comm, before.comm);
      appendFileSync(orders, 'end\n');
      assert.equal(await run.ended, 0);
      const last = Map.groupBy(rows(), ({ port }) => port);
      assert.equal(last.get(before.port)?.at(-1)?.comm, before.comm);
      assert.equal(last.get(row.port)?.at(-1)?.comm, name);
      return t.diagnostic(`pid ${row.pid} came again at attempt ${i}`);
    }
    before = row;
  }
  assert.fail(`no pid came again in ${REUSE_ATTEMPTS} attempts`);
});

/** Only there the number of the last pid is that of the whole machine. */
function notFirstNamespace(): string | false {
  return readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]'
    ? false
    : 'needs the first pid namespace';
}

/** Why no command can use io_uring here, if none can. */
function noRing(): string | false {
  const disabled = readIfThere('/proc/sys/kernel/io_uring_disabled').trim();
  return disabled === '' || disabled === '0' ? false : `kernel.io_uring_disabled is ${disabled}`;
}
