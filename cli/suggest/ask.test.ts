/**
 * The commands against the operator's own server, behind a proxy that does what an API server's does: it makes tokens,
 * takes `Authorization` away, and asks any replica over TLS without looking at its certificate.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { issueAuthority, issueLeaf } from '#kube/certificates/issue.ts';
import { systemClock } from '#kube/index.ts';
import type { Tested } from '#operator/alerts/alerts.ts';
import { eventOf } from '#operator/alerts/testing/rows.ts';
import { serveAnswers } from '#operator/answers/server.ts';
import { flowOf, runOf } from '#operator/history/flow.ts';
import { SqlStore } from '#operator/history/sql-store.ts';
import { Sqlite } from '#operator/history/sqlite.ts';
import { torwacht } from '../testing.ts';

const READER = 'system:serviceaccount:torwacht:torwacht-reader';
const PROXY = '/api/v1/namespaces/torwacht/services/https:torwacht-answers:https/proxy';

interface World {
  mayMakeTokens: boolean;
  account: string;
  audience: string;
  /** How often a replica that does not lead is asked first. */
  waits: number;
  history: boolean;
  results: readonly Tested[];
}

async function start(t: TestContext, change: Partial<World> = {}) {
  const world: World = {
    ...{ mayMakeTokens: true, account: READER, audience: 'torwacht-operator', waits: 2 },
    ...{ history: true, results: [], ...change },
  };
  const store = await SqlStore.open(new Sqlite(':memory:'));
  const asked: string[] = [];
  const lifetime = { now: Date.now(), lasts: 3600_000 };
  const pair = await issueLeaf(await issueAuthority('test', lifetime), ['localhost'], lifetime);
  const answers = await serveAnswers({
    ...{ address: '127.0.0.1', port: 0, pair, clock: systemClock, account: READER },
    review: async (token) => ({
      authenticated: token === 'made',
      audiences: [world.audience],
      user: { username: world.account },
    }),
    leads: () => world.waits-- <= 0,
    history: world.history ? store : undefined,
    alerts: {
      test: async (binding, name) => {
        asked.push(`${binding} ${name}`);
        return world.results;
      },
    },
    fault: (error) => assert.fail(String(error)),
  });
  const api = createServer((incoming, outgoing) => {
    const { url = '', method, headers } = incoming;
    if (url.startsWith('/api/v1/namespaces/torwacht/serviceaccounts/torwacht-reader/token')) {
      const status = { kind: 'Status', status: 'Failure', code: 403, reason: 'Forbidden' };
      const body = world.mayMakeTokens
        ? { kind: 'TokenRequest', status: { token: 'made' } }
        : { ...status, message: 'you may not' };
      outgoing.writeHead(world.mayMakeTokens ? 201 : 403).end(JSON.stringify(body));
      return;
    }
    assert.ok(url.startsWith(PROXY), url);
    const { authorization: _, ...rest } = headers;
    const path = url.slice(PROXY.length);
    const options = { port: answers.port, host: '127.0.0.1', path, method, headers: rest };
    const forwarded = request({ ...options, rejectUnauthorized: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-ask-'));
  const kubeconfig = join(folder, 'config');
  const server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
      clusters: [{ name: 'c', cluster: { server } }],
      users: [{ name: 'u', user: { token: 'mine' } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'ci' } }],
    }),
  );
  t.after(async () => {
    await answers.close();
    api.closeAllConnections();
    api.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const run = (...args: string[]) => torwacht(...args, '--kubeconfig', kubeconfig);
  const keep = async (...events: ReturnType<typeof eventOf>[]) => {
    for (const event of events) {
      const of = runOf(event) ?? assert.fail();
      const chunk = {
        runs: [{ run: of, flows: [flowOf(event, Date.UTC(2031, 0, 1))] }],
        sources: new Map(),
      };
      await store.add(chunk, Date.now());
    }
  };
  return { run, keep, folder, asked };
}

const allowed = { action: 'allow' as const, reason: 'name' as const, port: 443 };

test('a policy comes from the history of a job, and is replayed on it', async (t) => {
  const { run, keep, folder } = await start(t);
  await keep(
    eventOf({ ...allowed, target: 'r1', domain: 'registry.npmjs.org', ip: '104.16.0.35' }),
    eventOf({ ...allowed, target: 'r2', pod: 'runner-2', domain: 'cdn.example.com' }),
    eventOf({ target: 'r2', pod: 'runner-2', count: 3, added: 3 }),
    eventOf({ ...allowed, target: 'r3', job_name: 'other', domain: 'other.example.com' }),
  );
  const job = ['suggest', '--project', '42', '--job', 'install'];
  const all = await run(...job, '--replay');
  assert.equal(all.status, 0, all.stderr);
  assert.match(all.stdout, /# node \(npm\), 3 times\n +- evil\.example/);
  assert.doesNotMatch(all.stdout, /other\.example/);
  assert.match(all.stderr, /^nothing refused in 2 runs with 5 attempts\n/);

  const tight = await run(...job, '--without-refused', '--replay');
  assert.doesNotMatch(tight.stdout, /evil/);
  assert.match(tight.stdout, /- npm$/m);
  assert.match(tight.stderr, /^refused in 1 of 2 runs with 5 attempts\nrunner-2 \(2030-/);
  assert.match(
    tight.stderr,
    /\n {2}evil\.example 8000\/TCP, 3 times, refused then too: default; node \(npm\), 3 times\n/,
  );

  const path = join(folder, 'policy.yaml');
  writeFileSync(path, tight.stdout);
  const kept = await run('suggest', '--project', '42', '--job', 'install', '--replay', path);
  assert.equal(kept.status, 0, 'it refuses what was refused');
  writeFileSync(path, tight.stdout.replace('cdn.example.com', 'cdn2.example.com'));
  const missed = await run('suggest', '--project', '42', '--job', 'install', '--replay', path);
  assert.equal(missed.status, 1, missed.stderr);
  assert.match(missed.stdout, /cdn\.example\.com 443\/TCP, once, passed then: default/);
});

test('without a project it lists what is known; of what is not it says so', async (t) => {
  const { run, keep } = await start(t);
  await keep(eventOf(), eventOf({ job_name: 'x\u001b[31m' }));
  const { stdout, stderr } = await run('suggest');
  assert.match(stdout, /^PROJECT +JOB +RUNS +LAST\n42 +/);
  assert.match(stdout, /^42 +install +1 +2030-01-01T00:00:01.000Z$/m);
  assert.ok(!stdout.includes('\u001b'));
  assert.match(stderr, /2 jobs known/);
  const nothing = await run('suggest', '--project', '43', '--job', 'x');
  assert.deepEqual(nothing.status, 2);
  assert.match(
    nothing.stderr,
    /Nothing is known of project "43", job "x"\. \[TW_SUGGEST_NOTHING\]/,
  );
  assert.match((await run('suggest', '--runs', '0')).stderr, /TW_SUGGEST_NUMBER/);
});

test('a test of alerts says what became of each', async (t) => {
  const results: Tested[] = [
    { kind: 'slack', name: 'oncall', answer: { kind: 'taken', refused: 0 } },
    { kind: 'email', name: 'team', answer: { kind: 'later', why: 'it answers 535' } },
  ];
  const { run, asked } = await start(t, { results });
  const both = await run('alerts', 'test', '--binding', 'runners');
  assert.equal(both.status, 1, both.stderr);
  assert.equal(both.stdout, 'slack oncall: sent\nemail team: not sent: it answers 535\n');
  await run('alerts', 'test', '--binding', 'runners', '--route', 'team', '-n', 'other');
  assert.deepEqual(asked, ['ci/runners undefined', 'other/runners team']);
});

const refusals: readonly (readonly [what: string, change: Partial<World>, says: RegExp])[] = [
  ['who may make no token', { mayMakeTokens: false }, /TW_ASK_FORBIDDEN\].*\n.*torwacht-reader/],
  ['another service account', { account: 'system:serviceaccount:ci:x' }, /TW_ASK_FORBIDDEN/],
  ['a token for somebody else', { audience: 'kubernetes' }, /TW_ASK_FORBIDDEN/],
  ['an operator without a history', { history: false }, /TW_ASK_NO_HISTORY/],
  ['replicas of which none leads', { waits: 1000 }, /TW_ASK_ABSENT/],
];
for (const [what, change, says] of refusals) {
  test(`${what} is told with what to do`, async (t) => {
    const { run } = await start(t, change);
    const { status, stdout, stderr } = await run('suggest', '--project', '42');
    assert.equal(status, 6);
    assert.equal(stdout, '');
    assert.match(stderr, says);
  });
}

test('a binding without routes is told', async (t) => {
  const { run } = await start(t);
  const { status, stderr } = await run('alerts', 'test', '--binding', 'runners', '--route', 'x');
  assert.equal(status, 2);
  assert.match(
    stderr,
    /RunnerBinding "ci\/runners" has no alert route "x"\. \[TW_ALERTS_NO_ROUTE\]/,
  );
});
