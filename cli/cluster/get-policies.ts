/** `torwacht get policies`: those that exist, or those that hold for a pod or a job. */
import type { Line } from '#policy/in-force.ts';
import { type Io, styled } from '../policy/io.ts';
import { type Cluster, type ClusterFlags, ifAllowed, withCluster } from './cluster.ts';
import { age, portsText, printFacts, printSentences, printTable } from './format.ts';
import { type Holding, holdingOf } from './holding.ts';
import { type Live, objectOf, readLive } from './live.ts';
import * as resources from './resources.ts';
import { type Listed, listed } from './standing.ts';
import { checkWho, type Subject, subjectOf, type WhoFlags } from './subject.ts';

export interface GetFlags extends ClusterFlags {
  readonly allNamespaces?: boolean;
  readonly json?: boolean;
}

export type GetPoliciesFlags = GetFlags & WhoFlags;

/** @throws TW_KUBE_* */
export function getPolicies(flags: GetPoliciesFlags, io: Io): Promise<void> {
  const { pod, project, job } = flags;
  const asked = (pod ?? project ?? job) !== undefined;
  if (asked) checkWho(flags);
  return withCluster(flags, (cluster) =>
    asked ? showHolding(cluster, flags, io) : listPolicies(cluster, flags, io),
  );
}

async function listPolicies(cluster: Cluster, flags: GetFlags, io: Io): Promise<void> {
  const unread: string[] = [];
  const namespace = flags.allNamespaces ? undefined : cluster.namespace;
  const [own, above] = await Promise.all([
    cluster.list(resources.policies, namespace),
    ifAllowed(cluster.list(resources.clusterPolicies), unread),
  ]);
  const objects = [...(above ?? []), ...own].map(listed);
  if (flags.json) {
    io.stdout.write(`${JSON.stringify({ policies: objects, unread }, null, 2)}\n`);
    return;
  }
  if (objects.length === 0) io.stdout.write(`No policies ${whereText(namespace)}.\n`);
  printListed(io, objects);
  printSentences(io, 'note', unread);
}

export function whereText(namespace: string | undefined): string {
  return namespace === undefined ? 'in this cluster' : `in namespace ${namespace}`;
}

export function printListed(io: Io, objects: readonly Listed[]): void {
  const now = Date.now();
  printTable(
    io,
    ['KIND', 'NAMESPACE', 'NAME', 'READY', 'REASON', 'NODES', 'AGE'],
    objects.map((one) => [
      one.kind,
      one.namespace ?? '',
      one.name,
      one.ready,
      one.reason,
      one.nodes?.summary ?? '',
      age(one.created, now),
    ]),
  );
}

async function showHolding(cluster: Cluster, flags: GetPoliciesFlags, io: Io): Promise<void> {
  const live = await readLive(cluster, cluster.namespace);
  const subject = await subjectOf(cluster, live, flags);
  const holding = holdingOf(live, subject);
  if (flags.json) {
    io.stdout.write(`${JSON.stringify(asJson(live, subject, holding), null, 2)}\n`);
    return;
  }
  printFacts(io, holding === null ? subject.facts : [...subject.facts, ['mode', holding.mode]]);
  io.stdout.write('\n');
  if (holding === null) {
    io.stdout.write(`${styled(io, 'red', 'Nothing holds it')}: no RunnerBinding governs it.\n`);
  } else {
    printHolding(io, live, holding);
  }
  printSentences(io, 'note', [...subject.assumed, ...(holding?.notes ?? []), ...live.doubts]);
}

function printHolding(io: Io, live: Live, holding: Holding): void {
  printListed(io, objectsOf(live, holding));
  io.stdout.write('\n');
  if (holding.lines.length === 0) io.stdout.write('Nothing may be reached.\n');
  printTable(
    io,
    ['ACTION', 'TO', 'PORTS', 'RULE'],
    holding.lines.map((line) => [line.action, destination(line), portsText(line), line.rule]),
  );
  const sentences = [
    ...holding.closed.map((line) => `${lineSentence(line)} is closed by ${line.by}`),
    ...holding.above.map((line) => `${lineSentence(line)} is more than a ceiling leaves`),
  ];
  if (sentences.length > 0) io.stdout.write('\n');
  printSentences(io, 'not in force', sentences);
}

const destination = (line: Line) => (line.private ? `${line.to} (private)` : line.to);

function lineSentence(line: Line): string {
  return `${line.to} on ${portsText(line)} of ${line.rule}`;
}

function objectsOf(live: Live, { documents }: Holding): readonly Listed[] {
  return documents.flatMap((document) => objectOf(live, document) ?? []).map(listed);
}

function asJson(live: Live, subject: Subject, holding: Holding | null) {
  const { pod, node, identity, bindings, assumed } = subject;
  const line = (one: Line) => ({ ...one, ports: portsText(one) });
  return {
    namespace: live.namespace,
    pod,
    node,
    project: identity.project ?? null,
    job: identity.job ?? null,
    governed: bindings.length > 0,
    mode: holding?.mode ?? null,
    objects: holding === null ? [] : objectsOf(live, holding),
    rules: holding?.lines.map(line) ?? [],
    closed: holding?.closed.map(line) ?? [],
    aboveCeilings: holding?.above.map(line) ?? [],
    notes: [...assumed, ...(holding?.notes ?? []), ...live.doubts],
  };
}
