/** May two bindings govern one pod? */
import type { RunnerBinding } from '#api/runner-binding.ts';
import { namespacesOf } from './world.ts';

export function overlaps(a: RunnerBinding, b: RunnerBinding): boolean {
  const shared = new Set(namespacesOf(a)).intersection(new Set(namespacesOf(b)));
  if (shared.size === 0) return false;
  const { podLabels: first = {} } = a.spec.selector ?? {};
  const { podLabels: second = {} } = b.spec.selector ?? {};
  return Object.entries(first).every(
    ([key, value]) => !Object.hasOwn(second, key) || second[key] === value,
  );
}
