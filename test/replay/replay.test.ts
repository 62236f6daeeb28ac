/**
 * Every incident as it was: first held by torwacht under each policy, then with enforcement off. The
 * control comes last, so that until then a single packet to a refused place is one too many.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { skip } from '../e2e/stage.ts';
import type { Incident, PolicyName, Run } from './incident.ts';
import { incidents } from './incidents.ts';
import * as judge from './judge.ts';
import { policies } from './policies.ts';
import { holds, markOf } from './secrets.ts';
import { createWorld, type World } from './world.ts';

const order: readonly PolicyName[] = ['gitlab', 'github', 'githubApi', 'ai'];
const runs = incidents
  .flatMap((incident) => incident.runs.map((run, index) => ({ incident, run, index })))
  .sort((one, other) => order.indexOf(one.run.policy) - order.indexOf(other.run.policy));

describe('replays', { skip, timeout: 280_000 }, () => {
  let world: World;
  before(async () => {
    world = await createWorld('replay', incidents);
  });
  after(() => world?.lab.close());

  for (const { incident, run, index } of runs) {
    test(`${incident.name}, ${run.policy} policy: ${run.verdict}`, async () => {
      await held(world, { incident, run, tag: `held${index}${compact(incident.id)}` });
    });
  }

  for (const incident of incidents) {
    test(`${incident.name}, control: with enforcement off the secrets get out`, async () => {
      await control(world, incident, `control${compact(incident.id)}`);
    });
  }
});

interface Held {
  readonly incident: Incident;
  readonly run: Run;
  readonly tag: string;
}

async function held(world: World, one: Held): Promise<void> {
  const { incident, run, tag } = one;
  const { policy, script = incident.script } = run;
  const done = await world.job({ tag, script, policy: policies[policy].spec, incident });
  judge.assertLegitimatePart(done, incident.proof);
  judge.assertRows(done, tag, run.rows);
  judge.assertArrivals(done, run.arrives ?? []);
  judge.assertOnlyAllowed(world, done, policies[policy].spec);
  judge.assertNotInDns(done, tag);
  assert.equal(judge.carriers(done, tag).length > 0, run.carriesSecrets ?? false);
  assert.equal(judge.published(world, tag), run.publishes ?? false);
  assert.equal(holds(done.log, markOf(tag)), run.logs ?? false, done.log);
  assert.equal(run.verdict, verdictOf(run), 'the data contradicts itself');
}

/** The verdict follows from what is expected to pass. */
function verdictOf(run: Run): Run['verdict'] {
  if (run.logs === true || run.carriesSecrets === true) return 'limit';
  return run.publishes === true ? 'partly' : 'stopped';
}

async function control(world: World, incident: Incident, tag: string): Promise<void> {
  const { arrives, secretsIn, publishes = false } = incident.control;
  const done = await world.job({ tag, script: incident.script, policy: undefined, incident });
  judge.assertLegitimatePart(done, incident.proof);
  const told = done.requests.map(judge.toldOf);
  for (const request of arrives)
    assert.ok(told.includes(request), `${request}\n${told.join('\n')}`);
  const inLog = holds(done.log, markOf(tag));
  assert.equal(inLog, secretsIn === 'log', done.log);
  assert.equal(judge.carriers(done, tag).length > 0, secretsIn !== 'log', told.join('\n'));
  assert.equal(judge.published(world, tag), publishes);
}

function compact(id: string): string {
  return id.replaceAll('-', '');
}
