/** Rows of agents added up in Violations. Pure. */
import type { EgressEvent } from '#api/event.ts';
import { objectName } from '#api/metadata.ts';
import {
  longest,
  maxAncestors,
  maxExamples,
  maxPods,
  SEVERAL,
  type ViolationSpec,
} from '#api/violation.ts';
import { apiTime } from '#kube/index.ts';
import { destinationOf, jobOf } from './identity.ts';
import { cut, field, printable } from './text.ts';

/** Where a row comes from, and when it came. */
export interface Origin {
  readonly node: string;
  /** Wall time, ms: nothing has happened later than that. */
  readonly now: number;
}

/** The Violation of an identity with one more row in it. */
export function merged(
  before: ViolationSpec | undefined,
  event: EgressEvent,
  origin: Origin,
): ViolationSpec {
  const times = timesOf(event, origin.now);
  const isNewest = before === undefined || times.lastSeen >= before.lastSeen;
  return {
    ...(isNewest ? described(event) : before),
    ...sum(before, event, times),
    pods: podsOf(before?.pods ?? [], event, origin.node),
  };
}

/** The same for rows that have nothing in common but their namespace. */
export function folded(
  before: ViolationSpec | undefined,
  event: EgressEvent,
  origin: Origin,
): ViolationSpec {
  const known = before?.folded ?? { rows: 0, jobs: [], processes: [], destinations: [] };
  const where = cut(printable(destinationOf(event)), longest.destination);
  const port = portOf(event);
  const job = jobOf(event) === '/' ? null : jobOf(event);
  return {
    ...{ project: SEVERAL, job: SEVERAL, process: SEVERAL, action: 'several' },
    ...{ destination: SEVERAL, reason: 'folded', rule: SEVERAL },
    ...sum(before, event, timesOf(event, origin.now)),
    pods: podsOf(before?.pods ?? [], event, origin.node),
    folded: {
      rows: known.rows + Number(isFirst(event)),
      jobs: withExample(known.jobs, job),
      processes: withExample(known.processes, event.comm && cut(printable(event.comm), 64)),
      destinations: withExample(
        known.destinations,
        port === undefined ? where : `${where}:${port}`,
      ),
    },
  };
}

/** How often it happened beyond what was said of the row before. */
export function addedBy({ added, count }: EgressEvent): number {
  return Math.max(0, added ?? count);
}

/** Nothing was said of the row before. */
function isFirst(event: EgressEvent): boolean {
  return addedBy(event) === event.count;
}

/** All of an event but its counts. */
function described(event: EgressEvent) {
  const { action, protocol, reason, ancestry } = event;
  const port = portOf(event);
  const names = ancestry.slice(-maxAncestors).map(({ comm }) => cut(printable(comm), 64));
  return {
    ...field('project', event.project_id, longest.project),
    ...field('job', event.job_name, longest.job),
    ...urlOf(event),
    ...field('process', event.comm, longest.process),
    ...field('parent', event.parent_comm, longest.process),
    ...field('executable', event.exe, longest.path),
    ...field('arguments', event.argv, longest.arguments),
    ...(names.length > 0 && { ancestry: names }),
    action: action === 'observe' ? action : ('block' as const),
    destination: cut(printable(destinationOf(event)), longest.destination),
    ...field('address', event.ip, 64),
    ...(port !== undefined && { port }),
    ...field('protocol', protocol, 8),
    reason,
    rule: cut(printable(event.rule), longest.rule),
    ...field('policy', event.policy, longest.rule),
  };
}

/** A page that a browser opens, or none: a part of an address leads elsewhere. */
function urlOf({ job_url: url }: EgressEvent): { readonly url?: string } {
  if (url === null || url.length > longest.url) return {};
  return /^https?:\/\/[!-~]+$/.test(url) ? { url } : {};
}

function portOf({ port }: EgressEvent): number | undefined {
  return port !== null && port >= 0 && port <= 65_535 ? port : undefined;
}

function sum(before: ViolationSpec | undefined, event: EgressEvent, times: Times) {
  const { count = 0, firstSeen = times.firstSeen, lastSeen = times.lastSeen } = before ?? {};
  return {
    count: Math.min(count + addedBy(event), Number.MAX_SAFE_INTEGER),
    firstSeen: [firstSeen, times.firstSeen].sort()[0] ?? firstSeen,
    lastSeen: [lastSeen, times.lastSeen].sort()[1] ?? lastSeen,
  };
}

type Times = Pick<ViolationSpec, 'firstSeen' | 'lastSeen'>;

/** Clocks of nodes may be wrong, and what a node says need not be a time. */
function timesOf({ time, last_seen }: EgressEvent, now: number): Times {
  const at = (text: string): string => {
    const parsed = Date.parse(text);
    return apiTime(parsed >= 0 && parsed <= now ? parsed : now);
  };
  return { firstSeen: at(time), lastSeen: at(last_seen) };
}

type Pods = ViolationSpec['pods'];

/** The newest first. */
function podsOf(before: Pods, { pod, container }: EgressEvent, node: string): Pods {
  if (pod === null || !objectName.safeParse(pod).success) return before;
  const others = before.filter((one) => one.name !== pod || one.node !== node);
  const own = { name: pod, ...field('container', container, longest.pod), node };
  return [own, ...others].slice(0, maxPods);
}

function withExample(examples: string[], one: string | null): string[] {
  if (one === null || examples.length >= maxExamples || examples.includes(one)) return examples;
  return [...examples, one];
}
