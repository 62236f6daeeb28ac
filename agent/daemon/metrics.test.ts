import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Counters } from '#bpf/records.ts';
import { Metrics } from './metrics.ts';

test('each part that a kernel may refuse is a metric, whether it is there or not', async () => {
  const { registry } = new Metrics({
    held: () => 0,
    pending: () => 0,
    kernel: () => ({}) as Counters,
    lacks: (part) => part === 'unix',
    bundleGood: () => true,
    connected: () => true,
  });
  const text = await registry.metrics();
  const lines = text.split('\n').filter((line) => line.startsWith('torwacht_kernel_lacks{'));
  assert.deepEqual(lines, [
    'torwacht_kernel_lacks{part="process"} 0',
    'torwacht_kernel_lacks{part="create"} 0',
    'torwacht_kernel_lacks{part="unix"} 1',
  ]);
});
