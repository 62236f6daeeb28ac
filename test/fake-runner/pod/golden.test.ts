/** Our pod against the one that the real runner made, field by field. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { golden, skip } from '../golden.ts';
import { jobPod } from './pod.ts';
import { recordedJob, recordedRunner, stored } from './testing.ts';

interface Recorded {
  readonly metadata: { readonly name: string } & Readonly<Record<string, unknown>>;
  readonly spec: {
    readonly nodeName: string;
    readonly volumes: readonly { readonly name: string }[];
  };
}

/** Each leaf of a value by its path. */
function leaves(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, value]];
  return entries.flatMap(([key, one]) => leaves(one, `${path}.${key}`));
}

test('every field of the recorded pod, and no other', { skip }, () => {
  const list = parse(golden('gitlab-runner-17.9-job-pod.yaml')) as { items: Recorded[] };
  const [recorded] = list.items;
  assert.ok(recorded);
  // Given by the API server.
  const { creationTimestamp, generation, resourceVersion, uid, ...metadata } = recorded.metadata;
  assert.ok(creationTimestamp && generation && resourceVersion && uid);
  const suffix = metadata.name.slice(-8);
  const volume = recorded.spec.volumes.at(-1)?.name ?? '';
  const ours = stored(jobPod(recordedJob, recordedRunner, suffix), recorded.spec.nodeName, volume);
  const want = new Map(leaves({ ...recorded, metadata }));
  const got = new Map(leaves(ours));
  assert.ok(want.size > 250, `${want.size} fields`);
  const differences = [...new Set([...want.keys(), ...got.keys()])].filter(
    (path) => JSON.stringify(want.get(path)) !== JSON.stringify(got.get(path)),
  );
  assert.deepEqual(
    differences.map(
      (path) => `${path}: ${JSON.stringify(got.get(path))}, not ${JSON.stringify(want.get(path))}`,
    ),
    [],
  );
});
