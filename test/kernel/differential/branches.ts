/** How often each branch of the verdict was taken by the cases of a test: as a table, and as a demand. */
import assert from 'node:assert/strict';

/** By the name of the branch, as test/native/branches.h has it. */
export type Branches = Record<string, number>;

/** No branch may be taken in fewer cases than this share. */
const LEAST = 0.01;
/** Fewer cases come from a handful of worlds, and which branches those lead to is chance. */
const FEW = 10_000;

/** What was taken between two counts; `without` names those that a test cannot reach. */
export function taken(before: Branches, after: Branches, without: RegExp): Branches {
  return Object.fromEntries(
    Object.entries(after)
      .filter(([name]) => !without.test(name))
      .map(([name, count]) => [name, count - (before[name] ?? 0)]),
  );
}

/** One line a branch, aligned. */
export function branchTable(branches: Branches, cases: number): string {
  const lines = Object.entries(branches).map(([name, count]) => {
    const share = `${((100 * count) / cases).toFixed(2)} %`;
    return `${share.padStart(8)}  ${String(count).padStart(9)}  ${name}`;
  });
  return [`of ${cases} cases took`, ...lines].join('\n');
}

/** Cases that never reach a branch agree about nothing there. */
export function assertReached(branches: Branches, cases: number): void {
  if (cases < FEW) return;
  const seldom = Object.entries(branches).filter(([, count]) => count < LEAST * cases);
  assert.deepEqual(seldom, [], `taken by less than 1 % of ${cases} cases`);
}
