import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  added,
  bookmark,
  deleted,
  endOfList,
  expired,
  list,
  modified,
  pod,
  reset,
  status,
  watch,
} from '../testing/scripted-server.ts';
import { until } from '../testing/until.ts';
import { type Watching, watching } from '../testing/watching.ts';

const refusesStreams = status(422, 'Invalid');
/** The initial list as a watch that stays open. */
const initial = (version: number, ...objects: object[]) => [
  ...objects.map(added),
  endOfList(version),
];

const told = ({ changes }: Watching, ...expected: string[]) =>
  until(
    `${expected.join(' ')}; told were ${changes.join(' ')}`,
    () => changes.length >= expected.length,
  ).then(() => assert.deepEqual(changes, expected));

const failures = ({ observations }: Watching) =>
  observations.flatMap((one) => (one.type === 'watch-failed' ? [one] : []));

test('the initial list comes by a watch, and the same watch goes on', async (t) => {
  const all = await watching(t, [
    watch([...initial(7, pod('a', 3), pod('b', 5)), modified(pod('a', 8)), deleted(pod('b', 9))]),
  ]);
  await told(all, '+ci/a@3!', '+ci/b@5!', '~ci/a@8', '-ci/b@5');
  const [asked] = all.server.asked;
  assert.equal(all.server.asked.length, 1);
  assert.equal(asked?.query.get('sendInitialEvents'), 'true');
  assert.equal(asked?.query.get('resourceVersionMatch'), 'NotOlderThan');
  assert.equal(asked?.query.get('allowWatchBookmarks'), 'true');
  assert.equal(asked?.query.get('timeoutSeconds'), '276');
});

test('nothing is told and nothing is synced before the initial list is complete', async (t) => {
  const all = await watching(t, [watch([added(pod('a', 3)), bookmark(4)])]);
  await all.server.reached(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(all.cache.hasSynced, false);
  assert.deepEqual(all.changes, []);
});

test('an initial list that breaks is begun anew, and what was half told is not kept', async (t) => {
  const all = await watching(t, [
    watch([added(pod('a', 3)), added(pod('gone', 4))], 'reset'),
    watch(initial(7, pod('a', 3))),
  ]);
  await told(all, '+ci/a@3!');
  assert.equal(all.server.asked[1]?.query.get('sendInitialEvents'), 'true');
});

test('changes within the initial list count: the bookmark is what is true', async (t) => {
  const all = await watching(t, [
    watch([
      added(pod('a', 3)),
      added(pod('b', 4)),
      modified(pod('a', 5)),
      deleted(pod('b', 6)),
      added(pod('c', 6)),
      endOfList(6),
    ]),
  ]);
  await told(all, '+ci/a@5!', '+ci/c@6!');
});

test('a server that gives no list by a watch is asked page by page', async (t) => {
  const all = await watching(t, [
    refusesStreams,
    list('7', [pod('a', 3)], 'next-page'),
    list('7', [pod('b', 5)]),
    watch([added(pod('c', 8))]),
  ]);
  await told(all, '+ci/a@3!', '+ci/b@5!', '+ci/c@8');
  const [, first, second, third] = all.server.asked.map(({ query }) => query);
  assert.equal(first?.get('limit'), '500');
  assert.equal(first?.get('resourceVersion'), null);
  assert.equal(second?.get('continue'), 'next-page');
  assert.equal(third?.get('resourceVersion'), '7');
  assert.deepEqual(failures(all), []);
});

const internalError = {
  type: 'ERROR',
  object: { kind: 'Status', code: 500, reason: 'InternalError', message: 'RequestWatchProgress' },
};
for (const [name, answer] of [
  ['an event that says so', watch([added(pod('half', 2)), internalError])],
  ['an error of the server', status(500, 'InternalError')],
] as const) {
  test(`no list by a watch, told by ${name}: pages at once`, async (t) => {
    const all = await watching(t, [answer, list('7', [pod('a', 3)]), watch([])]);
    await told(all, '+ci/a@3!');
    assert.deepEqual(failures(all), []);
    assert.equal(all.observations.filter(({ type }) => type === 'no-streaming').length, 1);
  });
}

test('a list by a watch that breaks each time is asked for by pages after three', async (t) => {
  const cut = watch([added(pod('a', 3))], 'reset');
  const all = await watching(t, [cut, cut, cut, list('7', [pod('a', 3)]), watch([])]);
  await told(all, '+ci/a@3!');
});

test('pages that expire are asked for in one piece', async (t) => {
  const all = await watching(t, [
    refusesStreams,
    list('7', [pod('a', 3)], 'next-page'),
    status(410, 'Expired'),
    list('9', [pod('a', 8), pod('b', 9)]),
    watch([]),
  ]);
  await told(all, '+ci/a@8!', '+ci/b@9!');
  const whole = all.server.asked[3]?.query;
  assert.deepEqual([whole?.get('limit'), whole?.get('continue')], [null, null]);
});

for (const [name, gone] of [
  ['as the answer', status(410, 'Expired')],
  ['as an event', watch([expired])],
] as const) {
  test(`410 ${name} of a watch: listed anew, and only what differs is told`, async (t) => {
    const all = await watching(t, [
      watch(initial(7, pod('a', 3), pod('b', 4), pod('c', 5)), 'close'),
      gone,
      watch(initial(20, pod('a', 3), pod('b', 12), pod('d', 13))),
    ]);
    await told(all, '+ci/a@3!', '+ci/b@4!', '+ci/c@5!', '~ci/b@12!', '+ci/d@13!', '-ci/c@5!');
    assert.equal(all.server.asked[1]?.query.get('resourceVersion'), '7');
    assert.equal(all.server.asked[2]?.query.get('resourceVersion'), null);
  });
}

test('a server that answers 410 for ever is asked ever more seldom', async (t) => {
  const all = await watching(t, [
    refusesStreams,
    list('7', []),
    watch([expired]),
    ...Array.from({ length: 8 }, () => [list('7', []), watch([expired])]).flat(),
  ]);
  await until('eight failures', () => failures(all).length >= 8);
  const waits = failures(all).map(({ waitMs }) => waitMs);
  assert.deepEqual(waits.slice(0, 7), [800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
});

test('deleted and made again while nobody looked is two changes', async (t) => {
  const again = { ...pod('a', 12), metadata: { ...pod('a', 12).metadata, uid: 'another' } };
  const all = await watching(t, [
    watch(initial(7, pod('a', 3)), 'close'),
    watch([expired]),
    watch(initial(20, again)),
  ]);
  await told(all, '+ci/a@3!', '-ci/a@3!', '+ci/a@12!');
});

test('a peer that is silent longer than it promised is given up, and nothing is lost', async (t) => {
  const all = await watching(t, [watch(initial(7, pod('a', 3))), watch([modified(pod('a', 9))])], {
    watchSeconds: 60,
  });
  await told(all, '+ci/a@3!');
  await all.deadlines.pass(57_000 + 14_000);
  assert.equal(all.server.asked.length, 1);
  await all.deadlines.pass(1_000);
  await told(all, '+ci/a@3!', '~ci/a@9');
  assert.equal(all.server.asked[1]?.query.get('resourceVersion'), '7');
  assert.equal(failures(all)[0]?.error instanceof Error, true);
});

test('a peer that takes the request and never answers is given up', async (t) => {
  const all = await watching(t, [() => undefined, watch(initial(7, pod('a', 3)))]);
  await all.server.reached(1);
  await all.deadlines.pass(30_000);
  await told(all, '+ci/a@3!');
});

const line = JSON.stringify(modified(pod('a', 8)));
for (const [name, cut] of [
  ['ends within a line', watch([...initial(7, pod('a', 3)), line.slice(0, 40)], 'close')],
  ['is reset within an object', watch([...initial(7, pod('a', 3)), line.slice(0, 40)], 'reset')],
  ['sends a line that is no JSON', watch([...initial(7, pod('a', 3)), '{"type":\n'])],
  ['sends JSON that is no event', watch([...initial(7, pod('a', 3)), '{}\n'])],
  [
    'sends an event of no object',
    watch([...initial(7, pod('a', 3)), '{"type":"ADDED","object":null}\n']),
  ],
  [
    'sends a type that is not known',
    watch([...initial(7, pod('a', 3)), { type: 'MOVED', object: pod('a', 8) }]),
  ],
] as const) {
  test(`a watch that ${name} goes on where it was true`, async (t) => {
    const all = await watching(t, [cut, watch([modified(pod('a', 8))])]);
    await told(all, '+ci/a@3!', '~ci/a@8');
    assert.equal(all.server.asked[1]?.query.get('resourceVersion'), '7');
  });
}

test('bytes that come one by one, in the middle of a character, are one object', async (t) => {
  const text = Buffer.from(
    `${JSON.stringify(added({ ...pod('a', 8), spec: { image: 'é€😀' } }))}\n`,
  );
  const all = await watching(t, [
    (_, response) => {
      for (const event of initial(7)) response.write(`${JSON.stringify(event)}\n`);
      const next = (at: number) => {
        if (at === text.length) return;
        response.write(text.subarray(at, at + 1), () => setImmediate(next, at + 1));
      };
      next(0);
    },
  ]);
  await told(all, '+ci/a@8');
  assert.equal(all.cache.get('ci/a')?.spec?.image, 'é€😀');
});

test('bookmarks alone move the place on, and tell nobody', async (t) => {
  const all = await watching(t, [
    watch([...initial(7, pod('a', 3)), bookmark(20), bookmark(30)], 'close'),
    watch([]),
  ]);
  await all.server.reached(2);
  assert.equal(all.server.asked[1]?.query.get('resourceVersion'), '30');
  assert.deepEqual(all.changes, ['+ci/a@3!']);
});

test('the same event twice is told once, and an older one never', async (t) => {
  const all = await watching(t, [
    watch(
      [
        ...initial(7, pod('a', 3)),
        modified(pod('a', 8)),
        modified(pod('a', 8)),
        modified(pod('a', 5)),
        deleted(pod('a', 4)),
        bookmark(2),
        modified(pod('a', 10)),
      ],
      'close',
    ),
    watch([]),
  ]);
  await told(all, '+ci/a@3!', '~ci/a@8', '~ci/a@10');
  await all.server.reached(2);
  assert.equal(all.server.asked[1]?.query.get('resourceVersion'), '10');
});

test('a list is true also where its versions are older: etcd came back from a backup', async (t) => {
  const all = await watching(t, [
    watch(initial(1000, pod('a', 900), pod('b', 901)), 'close'),
    status(504, 'Timeout', { message: 'Too large resource version' }),
    status(504, 'Timeout', { message: 'Too large resource version' }),
    status(504, 'Timeout', { message: 'Too large resource version' }),
    watch([...initial(500, pod('a', 400)), modified(pod('a', 501))]),
  ]);
  await told(all, '+ci/a@900!', '+ci/b@901!', '~ci/a@400!', '-ci/b@901!', '~ci/a@501');
});

test('429 is waited for as long as the server says', async (t) => {
  const busy = status(429, 'TooManyRequests', { headers: { 'retry-after': '17' } });
  const all = await watching(t, [busy, busy, watch(initial(7, pod('a', 3)))]);
  await told(all, '+ci/a@3!');
  for (const { waitMs } of failures(all)) assert.ok(waitMs >= 17_000 && waitMs <= 19_000);
});

test('after errors of the server it waits longer each time, and lists after three', async (t) => {
  const all = await watching(t, [
    watch(initial(7, pod('a', 3)), 'close'),
    status(500, 'InternalError'),
    status(503, 'ServiceUnavailable'),
    status(500, 'InternalError'),
    watch(initial(9, pod('a', 8))),
  ]);
  await told(all, '+ci/a@3!', '~ci/a@8!');
  const versions = all.server.asked.map(({ query }) => query.get('resourceVersion'));
  assert.deepEqual(versions, [null, '7', '7', '7', null]);
  const waits = failures(all).map(({ waitMs }) => waitMs);
  assert.deepEqual(waits, [800, 1600, 3200, 6400]);
});

test('connections that are refused or reset are no reason to list anew', async (t) => {
  const all = await watching(t, [
    watch(initial(7, pod('a', 3)), 'close'),
    ...[reset, reset, reset, reset, reset, reset, reset, reset],
    watch([modified(pod('a', 8))]),
  ]);
  await told(all, '+ci/a@3!', '~ci/a@8');
  const versions = new Set(
    all.server.asked.slice(1).map(({ query }) => query.get('resourceVersion')),
  );
  assert.deepEqual([...versions], ['7']);
});

test('a server that ends every watch at once is asked ever more seldom, and not to list', async (t) => {
  const all = await watching(t, [watch(initial(7, pod('a', 3)), 'close'), watch([], 'close')]);
  await all.server.reached(8);
  const waits = failures(all).map(({ waitMs }) => waitMs);
  assert.deepEqual(waits.slice(0, 5), [800, 1600, 3200, 6400, 12_800]);
  assert.equal(all.server.asked.filter(({ query }) => !query.has('resourceVersion')).length, 1);
});

test('a watch that ends after its time goes on at once', async (t) => {
  const late = (_: unknown, response: import('node:http').ServerResponse) => {
    watch([modified(pod('a', 8))])(_ as never, response);
    setTimeout(() => {
      clockOf().jump(270_000);
      response.end();
    }, 30);
  };
  const all = await watching(t, [watch(initial(7, pod('a', 3)), 'close'), late, watch([])]);
  const clockOf = () => all.clock;
  await all.server.reached(3);
  assert.equal(all.server.asked[2]?.query.get('resourceVersion'), '8');
  // The first one ended at once.
  assert.equal(failures(all).length, 1);
});

test('selectors go along with every question', async (t) => {
  const all = await watching(t, [refusesStreams, list('7', []), watch([])], {
    namespace: 'ci',
    labelSelector: 'app=web',
    fieldSelector: 'metadata.name=a',
  });
  await all.server.reached(3);
  for (const { path, query } of all.server.asked) {
    assert.equal(path, '/api/v1/namespaces/ci/pods');
    assert.equal(query.get('labelSelector'), 'app=web');
    assert.equal(query.get('fieldSelector'), 'metadata.name=a');
  }
});

test('a listener that throws is told of, and nobody misses anything', async (t) => {
  const all = await watching(t, [watch([...initial(7, pod('a', 3)), modified(pod('a', 8))])]);
  all.cache.subscribe(() => {
    throw new Error('mine');
  });
  await told(all, '+ci/a@3!', '~ci/a@8');
  assert.equal(all.observations.filter(({ type }) => type === 'listener-failed').length, 2);
});

test('told to stop, it ends at once and leaves no connection', async (t) => {
  const all = await watching(t, [watch(initial(7, pod('a', 3)))]);
  await told(all, '+ci/a@3!');
  await all.stop();
  await until('the connection is gone', () => all.server.sockets.size === 0);
  assert.equal(all.server.asked.length, 1);
});
