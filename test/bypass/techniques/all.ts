/** Every group of techniques: the table in docs/bypasses.md is made from these. */
import type { Group } from '../technique.ts';
import { agent } from './agent.ts';
import { answers } from './answers.ts';
import { connections } from './connections.ts';
import { deputies } from './deputies.ts';
import { doors } from './doors.ts';
import { escapes } from './escapes.ts';
import { evidence } from './evidence.ts';
import { lookups } from './lookups.ts';
import { furnish, policy } from './names.ts';
import { packets } from './packets.ts';
import { tricks } from './tricks.ts';

export const names: Group = {
  label: 'names',
  policy,
  furnish,
  techniques: [...lookups, ...tricks, ...answers],
};

export const groups: readonly Group[] = [
  names,
  packets,
  connections,
  escapes,
  agent,
  deputies,
  doors,
  evidence,
];
