/**
 * docs/quick-start.md, executed: each part in a fresh copy, in the order of the page. What needs a cluster is written
 * down and held against chart, kinds and flags instead.
 */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { wrongWith } from '#cli/docs/commands.ts';
import { placeOf, type Ran, runScript, written } from './quick-start/host.ts';
import { scripts } from './quick-start/page.ts';
import { sharedStage, skip } from './stage.ts';

const telemetry = { name: 'telemetry.example.net', address: '192.0.2.31' };

const stage = sharedStage('quick', async (lab) => {
  chmodSync(lab.folder, 0o755);
  await Promise.all([
    lab.dnsmasq([telemetry]),
    lab.sink([{ kind: 'http', address: telemetry.address, port: 80 }]),
  ]);
});

const [before = '', parts] = [scripts().get(''), scripts()];

interface Part {
  readonly heading: string;
  /** Commands that end with another status than 0, in this order: the page says so. */
  readonly failing: readonly (readonly [RegExp, number])[];
  /** How many calls are written down at least, beside `make`. */
  readonly calls: number;
  readonly shows: (ran: Ran) => void;
}

const refused = /^torwacht: blocked telemetry\.example\.net for curl/gm;

const table: readonly Part[] = [
  {
    heading: 'A developer on a laptop',
    failing: [
      [/^torwacht policy explain .* http:\/\/telemetry/, 1],
      [/^sudo torwacht run --policy policy.yaml -- curl/, 6],
    ],
    calls: 0,
    shows: (ran) => {
      assert.equal(ran.output.match(refused)?.length, 1, ran.output);
      assert.match(ran.output, /^torwacht: would block telemetry\.example\.net /m);
      assert.match(written(ran, 'new.yaml'), /- telemetry\.example\.net/);
    },
  },
  {
    heading: 'A shell-executor host',
    failing: [
      [/^sudo -u gitlab-runner sudo torwacht run -- curl/, 6],
      [/^sudo -u gitlab-runner sudo torwacht run --observe/, 125],
    ],
    calls: 1,
    shows: ({ output }) => {
      assert.equal(output.match(refused)?.length, 1, output);
      assert.match(output, /\[TW_RUN_NOT_TRUSTED\]/);
    },
  },
  {
    heading: 'A platform engineer, with Helm',
    failing: [[/^torwacht admission test -f pod\.yaml/, 1]],
    calls: 13,
    shows: (ran) => {
      assert.match(ran.output, /TW_ADMIT_BARRIER_MISSING/);
      assert.match(written(ran, 'runner-values.yaml'), /torwacht\.io\/exempt: "true"/);
    },
  },
  {
    heading: 'GitOps',
    failing: [],
    calls: 6,
    shows: (ran) => assert.match(written(ran, 'policies.xml'), /<testcase /),
  },
  {
    heading: 'A project team',
    failing: [],
    calls: 6,
    shows: (ran) => assert.match(written(ran, 'policies.xml'), /evil\.test:443/),
  },
  { heading: 'On call', failing: [], calls: 11, shows: () => undefined },
];

test('every part of the page is tried', () => {
  assert.deepEqual([...parts.keys()], ['', ...table.map(({ heading }) => heading)]);
});

for (const [index, { heading, failing, calls, shows }] of table.entries()) {
  test(heading, { skip }, async () => {
    const script = `${before}\n${parts.get(heading)}`;
    const ran = await runScript(stage(), `part${index}`, script);
    const [made, ...asked] = ran.calls;
    assert.deepEqual(made, ['make']);
    assert.ok(asked.length >= calls, `${asked.length} calls\n${ran.output}`);
    const place = placeOf(ran.folder);
    const wrong = await Promise.all(ran.calls.map((call) => wrongWith(call, place)));
    assert.deepEqual(wrong.flat(), []);
    assert.equal(ran.failed.length, failing.length, `${JSON.stringify(ran.failed)}\n${ran.output}`);
    for (const [at, [command, status]] of failing.entries()) {
      assert.match(ran.failed[at]?.command ?? '', command);
      assert.equal(ran.failed[at]?.status, status, ran.output);
    }
    shows(ran);
  });
}
