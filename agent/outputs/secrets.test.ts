import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import type { EgressEvent } from '#api/event.ts';
import { exampleTokens } from '#api/testing/tokens.ts';
import { liveLine, table } from '#cli/run/present.ts';
import { Report } from '#cli/run/report.ts';
import type { Poster } from '#delivery/post.ts';
import { suggest } from '#policy/suggest.ts';
import { Otlp } from './otlp.ts';
import { Stdout } from './stdout.ts';
import { type Planted, rowsOf } from './testing/planted.ts';
import { countingTally, rowOf } from './testing/rows.ts';
import { Webhook } from './webhook.ts';

const GO = new AbortController().signal;
const common = { userAgent: 'x', now: () => 0 };

/** What every sink writes of these rows. */
async function written(rows: readonly EgressEvent[]): Promise<string> {
  let text = '';
  const poster = {
    post: async (_headers: object, body: string) => {
      text += body;
      return { status: 200, retryAfter: undefined, body: '' };
    },
    close() {},
  } as unknown as Poster;
  const batch = { instance: 'i', events: rows.map((event, at) => ({ seq: at + 1, event })) };
  await new Webhook({ ...common, poster, secretFile: undefined }).deliver(batch, GO);
  const otlp = { headersFile: undefined, version: '1', host: 'h' };
  await new Otlp({ ...common, ...otlp, poster }).deliver(batch, GO);
  const lines = {
    ...{ dropped: 0, taken: 0, onWritten: () => {} },
    write(line: string) {
      text += line;
    },
  };
  const stdout = new Stdout('stdout', { lines, log: pino({}, lines), tally: countingTally() });
  for (const row of rows) stdout.send(row);
  const style = { colour: false };
  for (const json of [true, false]) {
    const report = new Report({ json, style, tell: lines.write, file: lines });
    for (const row of rows) report.row(row);
    report.end({ rows, overflow: 0, eventsLost: 0 });
  }
  text += rows.map((row) => liveLine(row, style)).join() + table(rows, style);
  return text + suggest(rows, { project: '42', job: null, unrecorded: 0 }).text;
}

/** Any part of the secret that is long enough to be worth something: what follows its public beginning. */
function holds(text: string, token: string): boolean {
  const secret = token.slice(Math.min(20, token.length - 12));
  return text.toLowerCase().includes(secret.slice(0, 12).toLowerCase());
}

const none: Planted = { argv: ['x'], comm: 'x', exe: '/x', name: 'evil.example', job: 'build' };

/** Ways to hold a secret; those for a shape hold it by what it is, those for a key by where it stands. */
const byShape: Record<string, (token: string) => Planted> = {
  argument: (token) => ({ ...none, argv: ['curl', token, '-v'] }),
  'address, with more behind it': (token) => ({ ...none, argv: ['curl', `x?t=${token}&y=1`] }),
  'path of the program': (token) => ({ ...none, exe: `/tmp/${token}` }),
  'label of a name': (token) => ({ ...none, name: `${token.toLowerCase()}.evil.example` }),
  'name of the job': (token) => ({ ...none, job: `job ${token}` }),
  'cut by the end': (token) => ({ ...none, argv: ['x'.repeat(80), `a=${token}`] }),
};
const byPlace: Record<string, (secret: string) => Planted> = {
  flag: (secret) => ({ ...none, argv: ['x', `--password=${secret}`] }),
  'flag and word': (secret) => ({ ...none, argv: ['x', '--db-password', secret, 'y'] }),
  variable: (secret) => ({ ...none, argv: ['env', `MY_TOKEN=${secret}`, 'x'] }),
  header: (secret) => ({ ...none, argv: ['curl', '-H', `Authorization: Bearer ${secret}`] }),
  'header in a script': (secret) => ({
    ...none,
    argv: ['sh', '-c', `curl -H "Private-Token: ${secret}" x`],
  }),
  address: (secret) => ({ ...none, argv: ['git', `https://me:${secret}@h.example/`] }),
  user: (secret) => ({ ...none, argv: ['curl', '-u', `me:${secret}`, 'x'] }),
};

test('a planted token of each shape is in no sink, wherever it stands', async () => {
  for (const [shape, token] of exampleTokens) {
    for (const [where, plant] of Object.entries(byShape)) {
      const text = await written(rowsOf(plant(token)));
      assert.ok(text.includes('[MASKED]'), `${shape}, ${where}: nothing is masked`);
      assert.ok(!holds(text, token), `${shape}, ${where}: ${text.slice(0, 600)}`);
    }
  }
});

test('without the mask each of these sinks would show it', async () => {
  for (const [shape, token] of exampleTokens) {
    const row = rowOf({ argv: `curl ${token}`, domain: `${token}.evil.example` });
    assert.ok(holds(await written([row]), token), shape);
  }
});

test('any secret that stands where secrets stand is in no sink', async () => {
  const secret = fc.string({
    unit: fc.constantFrom(...'abcdefghijkLMNOPQRST0123456789+/=._~!$%^*-'),
    minLength: 12,
    maxLength: 40,
  });
  const plant = fc.constantFrom(...Object.values(byPlace));
  await fc.assert(
    fc.asyncProperty(secret, plant, async (value, planted) => {
      // One that looks like a flag is taken for the next flag, and one with a slash ends an address.
      fc.pre(!value.startsWith('-') && !(planted === byPlace.address && value.includes('/')));
      assert.ok(!(await written(rowsOf(planted(value)))).includes(value.slice(0, 12)));
    }),
    { numRuns: 300 },
  );
});
