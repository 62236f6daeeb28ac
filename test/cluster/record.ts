/** What is known of a running cluster, in one file of its state: who attaches needs nothing else. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from './names.ts';
import { type Lasting, lives } from './node/node.ts';

export interface ClusterRecord {
  /** Holds the node's namespaces. */
  readonly node: Lasting;
  readonly programs: readonly Lasting[];
  /** On the host's loopback. */
  readonly apiPort: number;
}

const path = (at: Place): string => join(at.state, 'cluster.json');

/** Written last: a cluster that has none is not up. */
export function writeRecord(at: Place, record: ClusterRecord): void {
  writeFileSync(path(at), `${JSON.stringify(record, null, 2)}\n`);
}

/** The record of a cluster of which every program lives, or undefined. */
export function runningRecord(at: Place): ClusterRecord | undefined {
  if (!existsSync(path(at))) return undefined;
  const record = JSON.parse(readFileSync(path(at), 'utf8')) as ClusterRecord;
  return [record.node, ...record.programs].every(lives) ? record : undefined;
}
