/** Every case by our runner. Some of them are a part of agent/chart.test.ts too, where a Torwacht is installed anyway. */
import { test } from 'node:test';
import { forget } from '../agent/install-api.ts';
import { skip } from '../agent/scene.ts';
import { useCluster } from '../cluster/cluster.ts';
import { casesPass } from './on-cluster.ts';

test('the cases pass, and leave the cluster as it was', { skip }, async (t) => {
  const cluster = await useCluster();
  t.after(() => forget(cluster));
  await casesPass(t, cluster);
});
