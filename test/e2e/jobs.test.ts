/**
 * Suggest, then apply, then run again: jobs with real clients against servers that speak the real protocol. Each is
 * observed; what was recorded becomes a policy; under it the same job passes in Block mode. The policy names what the
 * job used and nothing else, and without any one of its destinations the job fails.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { parsePolicies } from '#policy/load.ts';
import { presets } from '#policy/presets.ts';
import { type Attempt, createJobs, type Jobs } from './jobs/ground.ts';
import { suggestedFromHistory } from './jobs/history.ts';
import { imageJob } from './jobs/images.ts';
import { packageJobs } from './jobs/packages.ts';
import { repositoryJobs } from './jobs/repositories.ts';
import type { JobShape } from './jobs/shape.ts';
import { eventsOf } from './rows.ts';
import { type PolicySpec, policyText, type Rule, skip, TORWACHT } from './stage.ts';

const shapes = [...packageJobs, ...repositoryJobs, imageJob];
const here = shapes.filter(({ lacks }) => lacks === false);
const nothing = policyText({});

describe('jobs', { skip, timeout: 280_000 }, () => {
  let jobs: Jobs;
  before(async () => {
    jobs = await createJobs(here);
  });
  after(() => jobs?.lab.close());

  test('some of them can be tried on every machine', () => {
    assert.ok(here.length >= 4, `${here.map(({ name }) => name)}`);
  });
  for (const shape of shapes) test(shape.name, { skip: shape.lacks }, () => tryShape(jobs, shape));
});

async function tryShape(jobs: Jobs, shape: JobShape): Promise<void> {
  const seen = await jobs.attempt(shape, nothing, '--observe');
  passes(seen, 'while it is observed');
  const text = await suggested(jobs, shape, seen.output);

  const open = destinations(text);
  const named = open.map(({ name }) => name).sort();
  assert.deepEqual(named, [...shape.uses].sort(), text);
  assert.deepEqual(seen.reached, named, 'the servers got packets of this job for the same');

  const held = await jobs.attempt(shape, text);
  passes(held, `in Block mode\n${text}`);
  assert.deepEqual(held.reached, named);
  const refused = held.rows.filter(({ action }) => action !== 'allow');
  const names = new Set(refused.map(({ domain, ip }) => domain ?? ip));
  assert.deepEqual([...names].sort(), [...(shape.inVain ?? [])].sort(), text);

  for (const { name } of open) {
    const allow = open.filter((one) => one.name !== name).map(({ rule }) => rule);
    fails(await jobs.attempt(shape, policyText({ allow })), `without ${name}`);
  }
}

/** From the stream of events, and the same from the operator's history of them. */
async function suggested({ lab }: Jobs, { name }: JobShape, output: string): Promise<string> {
  const asked = ['suggest', '--project', '4711', '--job', name, output];
  const { code, stdout, stderr } = await lab.run('host', TORWACHT, asked);
  assert.equal(code, 0, stderr);
  const events = eventsOf(readFileSync(output, 'utf8'));
  assert.equal(await suggestedFromHistory(events, { project: '4711', job: name }), stdout);
  return stdout;
}

interface Destination {
  /** `name:port`. */
  readonly name: string;
  /** A rule that opens it and nothing else. */
  readonly rule: Rule;
}

/** What a policy opens, one by one; presets are taken apart. */
function destinations(text: string): readonly Destination[] {
  const { documents, problems } = parsePolicies([{ file: 'it', content: Buffer.from(text) }]);
  assert.deepEqual(problems, []);
  return documents.flatMap((document) => {
    const { presets: named = [], allow = [] } = document.spec as PolicySpec;
    const rules = [
      ...allow,
      ...named.flatMap((name) => (presets.get(name)?.rules ?? []) as readonly Rule[]),
    ];
    return rules.flatMap(({ fqdn = [], cidr = [], ports = [{ port: 443 }], ...rest }) =>
      [...fqdn, ...cidr].flatMap((host, index) =>
        ports.map((port) => ({
          name: `${host}:${port.port}`,
          rule: { [index < fqdn.length ? 'fqdn' : 'cidr']: [host], ports: [port], ...rest },
        })),
      ),
    );
  });
}

function passes({ code, worked, stdout, stderr }: Attempt, when: string): void {
  assert.deepEqual({ code, worked }, { code: 0, worked: true }, `${when}\n${stdout}${stderr}`);
}

function fails({ code, worked, stdout, stderr }: Attempt, when: string): void {
  assert.ok(code !== 0 && !worked, `it passes ${when}\n${stdout}${stderr}`);
}
