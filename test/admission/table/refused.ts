/** Pods that are refused, each with the first rule that says so. */
import { refusedBarrier } from './refused/barrier.ts';
import { refusedIdentity } from './refused/identity.ts';
import { refusedNode } from './refused/node.ts';
import { refusedRights } from './refused/rights.ts';
import type { Row } from './row.ts';

export const refused: readonly Row[] = [
  ...refusedIdentity,
  ...refusedBarrier,
  ...refusedNode,
  ...refusedRights,
];
