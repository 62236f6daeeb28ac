/** `torwacht status`: does every node hold every binding, and if not, which and why. */
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '#api/error.ts';
import { quoted } from '#policy/problem.ts';
import { type Io, plural, printable, styled } from '../policy/io.ts';
import { type Cluster, type ClusterFlags, ifAllowed, isOf, withCluster } from './cluster.ts';
import { errors } from './errors.ts';
import { printSentences } from './format.ts';
import { readLive } from './live.ts';
import * as resources from './resources.ts';
import { type Report, reportOf } from './status.ts';

export interface StatusFlags extends ClusterFlags {
  readonly wait?: boolean;
  /** @example '90s' */
  readonly timeout: string;
  readonly json?: boolean;
}

/** Exit status while something is not ready. No error, so none of `exitCodes`. */
const NOT_READY = 1;
/** Between two looks, ms; more where a look takes long, so that waiting never is a burden. */
const INTERVAL = 1000;
const PATIENCE = 5;

/** 0 when all is ready, 1 when something is not. @throws TW_KUBE_* */
export function showStatus(flags: StatusFlags, io: Io): Promise<number> {
  const limit = milliseconds(flags.timeout);
  return withCluster(flags, async (cluster) => {
    const { report, unread } = flags.wait
      ? await waited(cluster, flags, limit, io)
      : await look(cluster, flags);
    if (flags.json) io.stdout.write(`${JSON.stringify({ ...report, unread }, null, 2)}\n`);
    else print(io, report, unread);
    return report.allReady ? 0 : NOT_READY;
  });
}

interface Look {
  readonly report: Report;
  readonly unread: readonly string[];
}

async function look(cluster: Cluster, { namespace }: StatusFlags): Promise<Look> {
  const unread: string[] = [];
  const [agents, nodes, objects] = await Promise.all([
    ifAllowed(cluster.list(resources.agents), unread),
    ifAllowed(cluster.list(resources.nodes), unread),
    namespace === undefined ? everything(cluster) : about(cluster, namespace, unread),
  ]);
  return { report: reportOf({ ...objects, agents, nodes }), unread };
}

async function everything(cluster: Cluster) {
  const [bindings, clusterPolicies, policies] = await Promise.all([
    cluster.list(resources.bindings),
    cluster.list(resources.clusterPolicies),
    cluster.list(resources.policies),
  ]);
  return { bindings, policies: [...clusterPolicies, ...policies] };
}

async function about(cluster: Cluster, namespace: string, unread: string[]) {
  const { bindings, clusterPolicies, policies, doubts } = await readLive(cluster, namespace);
  unread.push(...doubts);
  return { bindings, policies: [...clusterPolicies, ...policies] };
}

/** Looks until all is ready or the time is over, and tells on standard error what has changed. */
async function waited(cluster: Cluster, flags: StatusFlags, limit: number, io: Io): Promise<Look> {
  const end = performance.now() + limit;
  let told = '';
  const tell = (text: string) => {
    if (text !== told) io.stderr.write(`torwacht: ${printable(text)}\n`);
    told = text;
  };
  for (;;) {
    const began = performance.now();
    const found = await tried(cluster, flags, tell, end);
    if (found.report.allReady) return found;
    const [first = '', ...more] = found.report.problems;
    tell(more.length === 0 ? first : `${first} (and ${more.length} more)`);
    const took = performance.now() - began;
    const pause = Math.max(INTERVAL, took * PATIENCE);
    if (performance.now() + pause > end) return found;
    await sleep(pause);
  }
}

/** An API server that is away for a while is waited for as well. */
async function tried(
  cluster: Cluster,
  flags: StatusFlags,
  tell: (text: string) => void,
  end: number,
): Promise<Look> {
  for (;;) {
    try {
      return await look(cluster, flags);
    } catch (error) {
      const passing = isOf(error, errors.unreachable, errors.failed);
      if (!passing || performance.now() + INTERVAL > end) throw error;
      tell(error.message);
      await sleep(INTERVAL);
    }
  }
}

function milliseconds(text: string): number {
  const [, number, unit = ''] = /^([0-9]{1,6})(s|m|h)$/.exec(text) ?? [];
  const factor = { s: 1000, m: 60_000, h: 3_600_000 }[unit];
  if (factor === undefined) throw failure(errors.timeout, { text: quoted(text) });
  return Number(number) * factor;
}

function print(
  io: Io,
  { allReady, bindings, policies, nodes, problems }: Report,
  unread: readonly string[],
): void {
  const verdict = allReady ? styled(io, 'green', 'ready') : styled(io, 'red', 'not ready');
  const parts = [
    count(bindings, 'binding'),
    count(policies, 'policy', 'policies'),
    ...(nodes === null ? [] : [nodesText(nodes)]),
  ];
  io.stdout.write(`${verdict}: ${parts.join(', ')}\n`);
  for (const problem of problems) io.stdout.write(`  ${printable(problem)}\n`);
  const waitedFor = (nodes ?? []).filter(({ nodeReady }) => nodeReady === false);
  printSentences(io, 'note', [
    ...waitedFor.map(({ name }) => `Node ${name} is not Ready, and nobody waits for it.`),
    ...(nodes ?? []).flatMap(({ name, failed }) =>
      failed ? [`${plural(failed, 'pod')} of node ${name} cannot be held, and do not start.`] : [],
    ),
    ...(nodes ?? []).flatMap(({ name, lacks }) =>
      lacks.map(
        (one) =>
          `Node ${name} has no ${one.name}${one.message === null ? '.' : `: ${one.message}`}`,
      ),
    ),
    ...unread,
  ]);
}

function count(objects: Report['bindings'], one: string, many = `${one}s`): string {
  const ready = objects.filter((object) => object.ready === 'True').length;
  return `${ready} of ${plural(objects.length, one, many)} in force`;
}

function nodesText(nodes: NonNullable<Report['nodes']>): string {
  const waited = nodes.filter(({ nodeReady }) => nodeReady !== false);
  const holding = waited.filter(({ behind }) => behind.length === 0).length;
  return `${holding} of ${plural(waited.length, 'node')} hold all of it`;
}
