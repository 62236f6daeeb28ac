/** Every shape of traffic by itself: held first, then with enforcement off, as in replay.test.ts. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hasProgram, skip } from '../e2e/stage.ts';
import type { JobDone } from './job.ts';
import * as judge from './judge.ts';
import { packageHosts } from './places.ts';
import { policies } from './policies.ts';
import { holds, markOf } from './secrets.ts';
import type { Part, Shape } from './shape.ts';
import { shapePlaces } from './shape-places.ts';
import { shapes } from './shapes.ts';
import { createWorld, type World } from './world.ts';

const all = shapes.flatMap((shape) => shape.parts.map((part, index) => ({ shape, part, index })));

describe('shapes', { skip, timeout: 280_000 }, () => {
  let world: World;
  before(async () => {
    world = await createWorld('shapes', [], shapePlaces);
  });
  after(() => world?.lab.close());

  for (const kind of ['held', 'control'] as const) {
    for (const one of all) {
      const { shape, part } = one;
      const title = `${shape.number}. ${shape.shape}${part.title ? `, ${part.title}` : ''}`;
      test(`${title}: ${kind === 'held' ? shape.verdict : 'control'}`, { skip: lacks(part) }, () =>
        kind === 'held' ? held(world, one) : control(world, one),
      );
    }
  }
});

interface One {
  readonly shape: Shape;
  readonly part: Part;
  readonly index: number;
}

function lacks({ needs = [] }: Part): string | false {
  const missing = needs.filter((name) => !hasProgram(name));
  return missing.length > 0 && `needs ${missing.join(', ')}`;
}

async function play(world: World, { shape, part, index }: One, kind: 'held' | 'control') {
  const secretsOf = `shape${shape.number}`;
  const tag = `${kind}${shape.number}x${index}`;
  const policy = kind === 'held' ? (part.spec ?? policies.gitlab.spec) : undefined;
  const { command } = part;
  // What a thief tries fails, and the job goes on.
  const script = `set +e\n${part.script}\ntrue`;
  const outside = part.control.filter((one) => !one.startsWith('DNS '));
  const awaited = kind === 'held' ? 0 : outside.length;
  const order = {
    tag,
    secretsOf,
    script,
    policy,
    awaited,
    ...(command === undefined ? {} : { command }),
  };
  const done = await world.job(order);
  assert.equal(done.code, 0, done.log);
  return { done, tag, mark: markOf(secretsOf) };
}

async function held(world: World, one: One): Promise<void> {
  const { part, shape } = one;
  const { done, tag, mark } = await play(world, one, 'held');
  judge.assertRows(done, tag, part.rows);
  judge.assertArrivals(done, part.arrives ?? []);
  judge.assertOnlyAllowed(world, done, part.spec ?? policies.gitlab.spec);
  assert.ok(!holds(done.asked.join('\n'), mark), done.asked.join('\n'));
  const carried = done.requests.some((request) => holds(JSON.stringify(request), mark));
  assert.equal(carried, part.carriesSecrets ?? false);
  assert.equal(judge.published(world, tag), part.publishes ?? false);
  assert.equal(holds(done.log, mark), part.log === 'secrets', done.log);
  if (part.log instanceof RegExp) assert.match(done.log, part.log);
  assert.ok(
    shape.verdict === 'limit' || !(carried || part.publishes),
    'the data contradicts itself',
  );
}

async function control(world: World, one: One): Promise<void> {
  const { part } = one;
  const { done, mark } = await play(world, one, 'control');
  const log = part.controlLog ?? part.log;
  if (log instanceof RegExp) assert.match(done.log, log);
  if (log === 'secrets') assert.ok(holds(done.log, mark), done.log);
  const came = [...done.requests.map(judge.toldOf), ...namesAsked(done)];
  assert.deepEqual(came.sort(), [...part.control].sort(), done.log);
}

/** Once each, however many types of records were asked for. */
function namesAsked({ asked }: JobDone): string[] {
  return [...new Set(asked)].filter((name) => !packageHosts.has(name)).map((name) => `DNS ${name}`);
}
