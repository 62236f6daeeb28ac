import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planFor, type Wanted } from './plan.ts';
import type { Installed, Survey } from './survey.ts';

const known = ['1-install', '2-enforcement', '3-status', '4-uninstall'];
const chart = { image: { registry: 'r.test/t' }, barrier: { image: { digest: 'sha256:1' } } };
const wanted: Wanted = { cases: [], kubeconfig: 'kc', chart, appVersion: '0.1.0' };
const empty: Survey = { version: 'v1.34.4', nodes: 1, installed: undefined, kinds: [] };
const theirs: Installed = {
  namespace: 'security',
  ours: false,
  operator: 'r.test:5000/t/torwacht-operator:0.2.0',
  barrier: undefined,
};
const having = (installed: Partial<Installed>): Survey => ({
  ...empty,
  installed: { ...theirs, ...installed },
});

test('a cluster without Torwacht gets it, and every case', () => {
  const plan = planFor(known, wanted, empty);
  assert.deepEqual(plan.cases, known);
  assert.deepEqual(plan.values, {
    chart,
    images: {
      program: 'r.test/t/torwacht-operator:0.1.0',
      barrier: 'r.test/t/torwacht-barrier@sha256:1',
    },
  });
  assert.match(plan.sentences.join('\n'), /Installs the chart[\s\S]*Removes all of it/);
});

test('a case that is named brings the one that installs', () => {
  assert.deepEqual(planFor(known, { ...wanted, cases: ['status'] }, empty).cases, [
    '1-install',
    '3-status',
  ]);
});

test('a Torwacht that is there is used with the images that it has, and left alone', () => {
  const plan = planFor(known, { ...wanted, chart: undefined }, having({}));
  assert.deepEqual(plan.cases, ['2-enforcement', '3-status']);
  assert.deepEqual(plan.values.images, {
    program: 'r.test:5000/t/torwacht-operator:0.2.0',
    barrier: 'r.test:5000/t/torwacht-barrier:0.2.0',
  });
  assert.match(plan.sentences.join('\n'), /security.*neither changed nor removed/);
  const bound = planFor(known, wanted, having({ barrier: 'r.test/b@sha256:2' }));
  assert.deepEqual((bound.values.images as { barrier: string }).barrier, 'r.test/b@sha256:2');
});

test('what an earlier run left is taken away first', () => {
  const plan = planFor(known, wanted, { ...having({ ours: true }), kinds: ['a.torwacht.io'] });
  assert.deepEqual([plan.takeAwayFirst, plan.cases], [true, known]);
});

for (const [what, more, seen, code] of [
  ['a case that there is not', { cases: ['upgrades'] }, empty, 'TW_E2E_NO_CASE'],
  [
    'a case that would end their Torwacht',
    { cases: ['uninstall'] },
    having({}),
    'TW_E2E_INSTALLED',
  ],
  ['a cluster that nobody named images for', { chart: undefined }, empty, 'TW_E2E_IMAGES'],
  [
    'images by digest alone, without a binding that names a barrier',
    {},
    having({ operator: 'r.test/o@sha256:3' }),
    'TW_E2E_IMAGES',
  ],
  ['kinds, and no Torwacht', {}, { ...empty, kinds: ['a.torwacht.io'] }, 'TW_E2E_REMAINS'],
] as const) {
  test(`refused: ${what}`, () => {
    assert.throws(() => planFor(known, { ...wanted, ...more }, seen), { code });
  });
}
