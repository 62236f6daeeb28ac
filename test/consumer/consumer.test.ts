/** What an agent makes of bundles that come whole, in parts, wrong, or not at all: a real API server, its own rights. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pack } from '#policy/bundle/packed.ts';
import { follow } from './follower.ts';
import { temporaryFolder, useGrounds } from './ground.ts';
import { bundleOf, documents } from './publisher.ts';

const groundOf = await useGrounds({ after: (work) => after(work) });

test('a bundle is in force with its binding, and the status says which and that all is well', async (t) => {
  const ground = await groundOf('whole');
  const folder = temporaryFolder(t);
  const bundle = await ground.publish(
    'runners',
    ground.binding('runners'),
    ground.policy('a', 'a.example'),
  );
  await ground.assign('runners');
  const follower = await follow(t, ground, { folder });
  await follower.untilPolicies('a');
  assert.deepEqual(follower.inForce('elsewhere'), []);
  assert.ok(follower.changes.some(({ bindings }) => bindings));
  const status = await follower.untilStatus('ready', ({ conditions }) =>
    conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  );
  const { namespace } = ground;
  const entry = { namespace, name: 'runners', digest: bundle.digest, generation: 1 };
  assert.deepEqual(status.bindings, [entry]);
  assert.equal(status.observedGeneration, 1);
  assert.ok(follower.writes <= 2);
});

test('a replaced bundle fetches what is new, and leaves nothing of the old on the disk', async (t) => {
  const ground = await groundOf('replaced');
  const folder = temporaryFolder(t);
  const many = Array.from({ length: 60 }, (_, n) => ground.policy(`p${n}`, `p${n}.example`));
  const first = await ground.publish('runners', ground.binding('runners'), ...many);
  await ground.assign('runners');
  const follower = await follow(t, ground, { folder });
  const names = many.map((_, n) => `p${n}`);
  await follower.untilPolicies(...names);
  assert.equal(follower.gets, first.pieces.length);
  const held = follower.consumer.documents(ground.namespace);

  const second = await ground.publish('runners', ground.binding('runners'), ...many.slice(1));
  await follower.untilPolicies(...names.slice(1));
  const digests = new Set(first.pieces.map(({ digest }) => digest));
  const fresh = second.pieces.filter(({ digest }) => !digests.has(digest));
  assert.ok(fresh.length < second.pieces.length);
  assert.equal(follower.gets, first.pieces.length + fresh.length);
  assert.notEqual(follower.consumer.documents(ground.namespace), held);
  await follower.untilStatus(
    'the new digest',
    ({ bindings }) => bindings?.[0]?.digest === second.digest,
  );
  const wanted = second.pieces.map(({ digest }) => digest).sort();
  assert.deepEqual(readdirSync(join(folder, 'pieces')).sort(), wanted);
});

test('what a head brings along is not asked for; what it brings under a wrong digest is', async (t) => {
  const ground = await groundOf('brought');
  const first = await ground.publish(
    'runners',
    ground.binding('runners'),
    ground.policy('one', 'a.example'),
  );
  await ground.assign('runners');
  const folder = temporaryFolder(t);
  const follower = await follow(t, ground, { folder });
  await follower.untilPolicies('one');
  const asked = follower.gets;
  const known = new Set(first.pieces.map(({ digest }) => digest));
  const withNew = async (name: string, change: (content: string) => string) => {
    const next = bundleOf(documents(ground.binding('runners'), ground.policy(name, 'b.example')));
    const fresh = next.pieces.filter(({ digest }) => !known.has(digest));
    await ground.writePieces(next);
    const brings = fresh.map(({ digest, content }) => ({ digest, packed: pack(change(content)) }));
    await ground.writeHead('runners', next, { brings, nodes: 3 });
    await follower.untilPolicies(name);
    return fresh.length;
  };
  await withNew('two', (content) => content);
  assert.equal(follower.gets, asked);
  assert.equal(follower.consumer.nodes, 3);
  const forged = await withNew('three', (content) => content.replace('b.example', 'evil.example'));
  assert.equal(follower.gets, asked + forged);
  assert.match(JSON.stringify(follower.consumer.documents(ground.namespace)), /b\.example/);
  assert.deepEqual(follower.faults, []);
});

test('a head without its pieces is said, and in force as soon as they are there', async (t) => {
  const ground = await groundOf('partial');
  const good = await ground.publish(
    'runners',
    ground.binding('runners'),
    ground.policy('old', 'a.example'),
  );
  await ground.assign('runners');
  const follower = await follow(t, ground, { folder: temporaryFolder(t) });
  await follower.untilPolicies('old');
  const next = bundleOf(documents(ground.binding('runners'), ground.policy('new', 'b.example')));
  await ground.writeHead('runners', next);
  const entry = await follower.untilReason('runners', 'PieceMissing');
  assert.equal(entry?.digest, good.digest);
  await follower.untilPolicies('old');
  await ground.writePieces(next);
  await follower.untilPolicies('new');
  await follower.untilReason('runners', undefined);
});

test('a piece that is not what its name says, and a head whose digest is wrong: the last good one stays', async (t) => {
  const ground = await groundOf('wrong');
  const good = await ground.publish(
    'runners',
    ground.binding('runners'),
    ground.policy('old', 'a.example'),
  );
  await ground.assign('runners');
  const folder = temporaryFolder(t);
  const follower = await follow(t, ground, { folder });
  await follower.untilPolicies('old');

  const next = bundleOf(documents(ground.binding('runners'), ground.policy('new', 'b.example')));
  const evil = bundleOf(documents(ground.policy('evil', '**.evil.example')));
  const [wide] = evil.pieces;
  assert.ok(wide);
  const known = new Set(good.pieces.map(({ digest }) => digest));
  const fresh = next.pieces.filter(({ digest }) => !known.has(digest));
  const forged = fresh.map(({ digest }) => ({ digest, content: wide.content }));
  await ground.writePieces({ ...next, pieces: forged });
  await ground.writeHead('runners', next);
  const entry = await follower.untilReason('runners', 'DigestMismatch');
  assert.equal(entry?.digest, good.digest);
  assert.match(entry?.message ?? '', /piece [0-9a-f]{64} does not have the content/);
  await follower.untilPolicies('old');
  assert.equal(readdirSync(join(folder, 'pieces')).length, good.pieces.length);

  await ground.writeHead('runners', good, { digest: next.digest });
  await follower.untilStatus('the head is wrong', ({ bindings }) =>
    bindings?.[0]?.message?.includes('The head'),
  );
  await follower.untilPolicies('old');

  const nothing = bundleOf(documents(ground.policy('alone', 'b.example')));
  await ground.writePieces(nothing);
  await ground.writeHead('runners', nothing);
  await follower.untilReason('runners', 'BindingMissing');
  await follower.untilPolicies('old');
  assert.equal(follower.inForce()?.length, 2);
});

test('pieces that this version cannot read, or that are too many, are refused as a whole', async (t) => {
  const ground = await groundOf('unknown');
  const good = await ground.publish(
    'runners',
    ground.binding('runners'),
    ground.policy('old', 'a.example'),
  );
  await ground.assign('runners');
  const size = good.pieces.reduce((sum, { content }) => sum + content.length, 0);
  const plan = { folder: temporaryFolder(t), limit: size + 1000 };
  const follower = await follow(t, ground, plan);
  await follower.untilPolicies('old');
  const large = Array.from({ length: 40 }, (_, n) => ground.policy(`p${n}`, `p${n}.example`));
  await ground.publish('runners', ground.binding('runners'), ...large);
  await follower.untilReason('runners', 'TooLarge');
  await follower.untilPolicies('old');
});

test('a head that goes, or that is another binding’s, changes nothing; a binding that goes is let go', async (t) => {
  const ground = await groundOf('gone');
  await ground.publish('runners', ground.binding('runners'), ground.policy('a', 'a.example'));
  const other = await ground.publish('other', ground.binding('other', { mode: 'Observe' }));
  await ground.assign('runners', 'other');
  const folder = temporaryFolder(t);
  const follower = await follow(t, ground, { folder });
  await follower.untilPolicies('a');
  await follower.untilStatus('both', ({ bindings }) => bindings?.every(({ digest }) => digest));

  await ground.remove('policybundle', ground.headName('runners'));
  await follower.untilReason('runners', 'HeadMissing');
  await follower.untilPolicies('a');
  const binding = { namespace: ground.namespace, name: 'other', generation: 1 };
  await ground.writeHead('runners', other, { binding });
  await follower.untilReason('runners', 'HeadOfAnother');
  await follower.untilPolicies('a');

  await ground.assign('other');
  await follower.untilPolicies();
  assert.deepEqual(follower.inForce(), [`RunnerBinding ${ground.namespace}/other`]);
  await follower.untilStatus('one', ({ bindings }) => bindings?.length === 1);
  await ground.assign();
  await follower.untilStatus('none', ({ bindings }) => bindings === undefined);
  assert.deepEqual(follower.inForce(), []);
  assert.deepEqual(readdirSync(join(folder, 'pieces')), []);
});

test('an object of the node that is deleted says nothing: what there was stays', async (t) => {
  const ground = await groundOf('deleted');
  await ground.publish('runners', ground.binding('runners'), ground.policy('a', 'a.example'));
  await ground.assign('runners');
  const follower = await follow(t, ground, { folder: temporaryFolder(t) });
  await follower.untilPolicies('a');
  await follower.untilReason('runners', undefined);
  await ground.remove('nodeagent', ground.node);
  await ground.publish('runners', ground.binding('runners'), ground.policy('b', 'b.example'));
  await ground.assign('runners');
  await follower.untilPolicies('b');
  await follower.untilReason('runners', undefined);
});

test('while a pod does not take the new policy, the status goes on with the digest before', async (t) => {
  const ground = await groundOf('refusing');
  const first = await ground.publish(
    'runners',
    ground.binding('runners'),
    ground.policy('a', 'a.example'),
  );
  await ground.assign('runners');
  const follower = await follow(t, ground, { folder: temporaryFolder(t) });
  await follower.untilStatus('held', ({ bindings }) => bindings?.[0]?.digest === first.digest);
  follower.refused = { reason: 'PodsUnchanged', message: 'map full' };
  const second = await ground.publish(
    'runners',
    ground.binding('runners'),
    ground.policy('b', 'b.example'),
  );
  const entry = await follower.untilReason('runners', 'PodsUnchanged');
  assert.deepEqual([entry?.digest, entry?.message], [first.digest, 'map full']);
  follower.refused = undefined;
  follower.nudge();
  await follower.untilStatus('taken', ({ bindings }) => bindings?.[0]?.digest === second.digest);
});
