/** The floor by construction: nothing newer than Linux 5.8 outside of the parts that a kernel may refuse. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { builtPath } from '#bpf/native.ts';
import { attempts, optionalParts } from '#bpf/programs.ts';
import { newerThanFloor, uses } from './floor.ts';
import { programsOf } from './object.ts';
import { isNewer } from './since.ts';

const engine = readFileSync(builtPath('bpf/engine.bpf.o'));
/** What is left of the object in the last attempt to load it: no kernel is offered less. */
const last = new Set(attempts.at(-1)?.without);
const sentence = ({ program, what, since }: { program: string; what: string; since: string }) =>
  `${program} uses ${what}, which is of Linux ${since}`;

test('programs that every kernel must take use nothing newer than the floor', () => {
  // With TORWACHT_PLANTED (make test-planted) one more is among them, and must be found.
  const planted = process.env.TORWACHT_PLANTED ? [readFileSync(builtPath('bpf/newer.bpf.o'))] : [];
  const wrong = [engine, ...planted]
    .flatMap((object) => newerThanFloor(object))
    .filter(({ program }) => !last.has(program));
  assert.deepEqual(wrong.map(sentence), []);
});

test('it sees through every program: all but one have helpers, and the newer ones are those of optional parts', () => {
  const programs = programsOf(engine);
  const known = [...new Set(attempts.flatMap(({ without }) => without))];
  const names = programs.map(({ name }) => name);
  for (const name of known) assert.ok(names.includes(name), `${name} is not in the object`);
  const without = programs.filter(({ helpers }) => helpers.size === 0).map(({ name }) => name);
  assert.deepEqual(without, ['tw_keeps_cgroup'], 'it only looks at a type');
  const found = newerThanFloor(engine).map(sentence);
  assert.deepEqual(found.filter((line) => /tw_create|tw_connect_unix/.test(line)).sort(), [
    'tw_connect_unix uses BPF_CGROUP_UNIX_CONNECT, which is of Linux 6.7',
    'tw_connect_unix uses bpf_cast_to_kern_ctx, which is of Linux 6.2',
    'tw_connect_unix uses bpf_loop, which is of Linux 5.17',
    'tw_connect_unix uses bpf_set_retval, which is of Linux 5.18',
    'tw_connect_unix uses function as a value, which is of Linux 5.13',
    'tw_create uses bpf_sk_storage_get, which is of Linux 5.9',
  ]);
});

test('a program with a newer helper and no probe is found, with its name and the helper', () => {
  const broken = readFileSync(builtPath('bpf/newer.bpf.o'));
  assert.deepEqual(
    newerThanFloor(broken)
      .filter(({ program }) => !last.has(program))
      .map(sentence),
    ['tw_newer uses bpf_ktime_get_coarse_ns, which is of Linux 5.11'],
  );
});

test('a newer helper inside a program is probed for by the value that came with it', () => {
  const probed = programsOf(engine).flatMap((program) =>
    uses(program)
      .filter((use) => use.probed)
      .map(({ name, since }) => sentence({ program: program.name, what: name, since })),
  );
  assert.ok(
    probed.includes('tw_connect4 uses bpf_get_current_task_btf, which is of Linux 5.15'),
    probed.join('\n'),
  );
});

test('what no table knows is an error, not a pass', () => {
  const unknown = { name: 'tw_x', section: 'socket', kernelFunctions: new Set<string>() };
  const none = { instructions: new Set<string>() };
  assert.throws(
    () => uses({ ...unknown, ...none, helpers: new Map([[9999, new Set<string>()]]) }),
    /tw_x uses helper 9999/,
  );
  assert.throws(
    () => uses({ ...unknown, ...none, helpers: new Map(), section: 'cgroup/new' }),
    /tw_x uses section cgroup\/new/,
  );
});

test('parts that a kernel may refuse say nothing untrue: each has a program that needs it', () => {
  for (const part of ['create', 'unix'] as const) {
    const newer = newerThanFloor(engine).filter(({ program }) =>
      (optionalParts[part].programs as readonly string[]).includes(program),
    );
    assert.ok(newer.length > 0, part);
  }
  assert.ok(isNewer('5.17', '5.8') && isNewer('6.0', '5.17') && !isNewer('5.8', '5.8'));
});
