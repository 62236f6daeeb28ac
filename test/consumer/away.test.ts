/** The API server is away: at the start, for long, for a moment; and a disk that is not what it was. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '#kube/index.ts';
import { waitFor } from '../cluster/wait.ts';
import { Follower, follow } from './follower.ts';
import { temporaryFolder, useGrounds } from './ground.ts';

const groundOf = await useGrounds({ after: (work) => after(work) });

/** Time that runs so much faster. */
const fast = (times: number): Clock => ({
  ...systemClock,
  monotonic: () => performance.now() * times,
  after: (ms, call) => systemClock.after(ms / times, call),
});

test('without the API server an agent starts from its disk, and goes on when the server is back', async (t) => {
  const ground = await groundOf('start');
  const folder = temporaryFolder(t);
  const bundle = await ground.publish(
    'runners',
    ground.binding('runners'),
    ground.policy('a', 'a.example'),
  );
  await ground.assign('runners');
  const kubeconfig = await ground.kubeconfig();
  const first = new Follower(ground, kubeconfig, { folder }).start();
  await first.untilPolicies('a');
  await first.stop();

  await ground.api.server.kill();
  const second = new Follower(ground, kubeconfig, { folder });
  const nobody = new Follower(ground, kubeconfig, { folder: temporaryFolder(t) });
  t.after(() => Promise.all([second.stop(), nobody.stop()]));
  second.start();
  nobody.start();
  // At once: nothing was asked yet.
  assert.equal(second.inForce()?.length, 2);
  assert.deepEqual([second.consumer.isTold, nobody.consumer.isTold], [true, false]);
  assert.deepEqual(second.inForce('elsewhere'), []);
  assert.equal(nobody.inForce(), undefined);
  const failed = () => second.observations.some(({ type }) => type === 'watch-failed');
  await waitFor('nobody answers', failed, { everyMs: 20 });
  assert.equal(second.inForce()?.length, 2);

  await ground.api.server.start();
  await nobody.untilPolicies('a');
  const status = await second.untilStatus('held', ({ bindings }) => bindings?.[0]?.digest);
  assert.equal(status.bindings?.[0]?.digest, bundle.digest);
  await ground.publish('runners', ground.binding('runners'), ground.policy('b', 'b.example'));
  await second.untilPolicies('b');
});

test('away for ten minutes it keeps what it has, asks ever more seldom, and catches up', async (t) => {
  const ground = await groundOf('long');
  const times = 200;
  await ground.publish('runners', ground.binding('runners'), ground.policy('a', 'a.example'));
  await ground.assign('runners');
  const follower = await follow(t, ground, { folder: temporaryFolder(t), clock: fast(times) });
  await follower.untilPolicies('a');
  await ground.api.server.kill();
  const from = follower.observations.length;
  const minutes = 10;
  await sleep((minutes * 60_000) / times);
  const tries = follower.observations
    .slice(from)
    .filter((one) => one.type === 'watch-failed' && one.resource === 'nodeagents').length;
  // Half a minute in the middle, once back-off is at its longest; some of them while it grows.
  assert.ok(tries >= 2 && tries < 60, `${tries}`);
  assert.equal(follower.inForce()?.length, 2);
  await ground.api.server.start();
  await ground.publish('runners', ground.binding('runners'), ground.policy('b', 'b.example'));
  await follower.untilPolicies('b');
});

test('an API server that says nothing for a while is as one that is away', async (t) => {
  const ground = await groundOf('paused');
  await ground.publish('runners', ground.binding('runners'), ground.policy('a', 'a.example'));
  await ground.assign('runners');
  const follower = await follow(t, ground, { folder: temporaryFolder(t) });
  await follower.untilPolicies('a');
  ground.api.server.pause();
  await sleep(2000);
  assert.equal(follower.inForce()?.length, 2);
  ground.api.server.resume();
  await ground.publish('runners', ground.binding('runners'), ground.policy('b', 'b.example'));
  await follower.untilPolicies('b');
});

test('a piece that has changed on the disk is not used, and is fetched anew', async (t) => {
  const ground = await groundOf('rot');
  const folder = temporaryFolder(t);
  await ground.publish('runners', ground.binding('runners'), ground.policy('a', 'a.example'));
  await ground.publish(
    'other',
    ground.binding('other', { selector: { namespaces: ['other', 'third'] } }),
  );
  await ground.assign('runners', 'other');
  const kubeconfig = await ground.kubeconfig();
  const first = new Follower(ground, kubeconfig, { folder }).start();
  await first.untilPolicies('a');
  await first.untilStatus('both', ({ bindings }) => bindings?.every(({ digest }) => digest));
  await first.stop();
  const pieces = join(folder, 'pieces');
  const name = readdirSync(pieces).find((one) =>
    readFileSync(join(pieces, one), 'utf8').includes('a.example'),
  );
  assert.ok(name);
  const text = readFileSync(join(pieces, name), 'utf8');
  writeFileSync(join(pieces, name), text.replace('a.example', 'e.example'));

  await ground.api.server.kill();
  const second = new Follower(ground, kubeconfig, { folder }).start();
  t.after(() => second.stop());
  assert.match(String(second.faults[0]), /does not have the content that its name says/);
  assert.equal(second.inForce(), undefined);
  assert.deepEqual(second.inForce('other'), [`RunnerBinding ${ground.namespace}/other`]);
  await ground.api.server.start();
  await second.untilPolicies('a');
  assert.equal(readFileSync(join(pieces, name), 'utf8'), text);

  // The same under its hands, where a pod of a namespace comes that nobody has asked for yet.
  assert.ok(second.inForce('other'));
  const [binding = ''] = readdirSync(pieces).filter((one) =>
    readFileSync(join(pieces, one), 'utf8').includes('third'),
  );
  writeFileSync(join(pieces, binding), '[]');
  assert.equal(second.inForce('third'), undefined);
  assert.match(String(second.faults.at(-1)), /does not have the content that its name says/);
  await waitFor('fetched anew', () => second.inForce('third')?.length === 1);
});

test('a list of heads that is torn counts for nothing; one of another node’s disk neither', async (t) => {
  const ground = await groundOf('torn');
  const folder = temporaryFolder(t);
  await ground.publish('runners', ground.binding('runners'), ground.policy('a', 'a.example'));
  await ground.assign('runners');
  const kubeconfig = await ground.kubeconfig();
  const first = new Follower(ground, kubeconfig, { folder }).start();
  await first.untilPolicies('a');
  await first.stop();
  const path = join(folder, 'held.json');
  const text = readFileSync(path, 'utf8');
  for (const wrong of [text.slice(0, -20), text.replace(ground.node, 'node-else'), '{}']) {
    writeFileSync(path, wrong);
    const torn = new Follower(ground, kubeconfig, { folder });
    torn.consumer.open();
    assert.equal(torn.consumer.isTold, false);
    assert.equal(torn.inForce(), undefined);
    torn.start();
    await torn.untilPolicies('a');
    await torn.stop();
  }
});
