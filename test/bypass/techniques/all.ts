/** Every group of techniques: the table in docs/bypasses.md is made from these. */
import type { Group } from '../technique.ts';
import { connections } from './connections.ts';
import { lookups } from './lookups.ts';
import { packets } from './packets.ts';

export const groups: readonly Group[] = [lookups, packets, connections];
