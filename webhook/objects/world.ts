/** What is known of the other objects of the cluster. */
import type { RunnerBinding } from '#api/runner-binding.ts';

export interface World {
  /** Bindings that are about pods of this namespace. */
  bindings(namespace: string): readonly RunnerBinding[];
  /** All of them. */
  all(): readonly RunnerBinding[];
}

/** Of a list, for tests and for files; who asks looks at what is about its namespace. */
export function worldOf(bindings: readonly RunnerBinding[]): World {
  return { bindings: () => bindings, all: () => bindings };
}
