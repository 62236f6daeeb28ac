/** Every group of techniques: the table in docs/bypasses.md is made from these. */
import type { Group } from '../technique.ts';
import { lookups } from './lookups.ts';

export const groups: readonly Group[] = [lookups];
