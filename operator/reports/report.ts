/**
 * The Violations of a namespace as one Report of openreports.io/v1alpha1, which dashboards of several policy engines
 * read. Pure. Only fields that every version of the kind has: server-side apply refuses others.
 */
import { SEVERAL, type ViolationSpec } from '#api/violation.ts';
import { type KubeObject, type Resource, resource } from '#kube/index.ts';
import { alwaysDeniedReasons } from '#policy/always-denied.ts';
import type { StoredRow } from '../violations/entry.ts';

interface Reference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface Result {
  readonly policy: string;
  readonly rule: string;
  readonly category: string;
  readonly severity: 'high' | 'medium' | 'low';
  readonly result: 'fail' | 'warn';
  readonly scored: boolean;
  readonly timestamp: { readonly seconds: number; readonly nanos: number };
  readonly message: string;
  readonly resources: readonly Reference[];
  readonly properties: Readonly<Record<string, string>>;
}

export interface Report extends KubeObject {
  readonly source: string;
  readonly scope: Reference;
  readonly configuration: { readonly limits: { readonly maxResults: number } };
  readonly summary: Readonly<Record<'pass' | 'fail' | 'warn' | 'error' | 'skip', number>>;
  readonly results: readonly Result[];
}

export const reports: Resource<Report> = resource<Report>({
  ...{ group: 'openreports.io', version: 'v1alpha1', kind: 'Report', plural: 'reports' },
  namespaced: true,
});

/** Of each namespace that has one. */
export const REPORT = 'torwacht-violations';
const MANAGED_BY = 'app.kubernetes.io/managed-by';
const OPERATOR = 'torwacht-operator';
/** Those that are ours, among others' in the same namespace. */
export const ownReports = { labelSelector: `${MANAGED_BY}=${OPERATOR}` } as const;

/** Results of one report, those that were seen last. With the longest texts they are a third of what etcd takes. */
export const MOST_RESULTS = 200;

/** @param rows of one namespace, at least one; in any order they give the same */
export function reportOf(namespace: string, rows: Iterable<StoredRow>): Report {
  const all = [...rows].sort(newestFirst);
  const counts = { fail: 0, warn: 0 };
  for (const { spec } of all) counts[outcomeOf(spec)] += 1;
  return {
    metadata: {
      ...{ name: REPORT, namespace },
      labels: { 'app.kubernetes.io/part-of': 'torwacht', [MANAGED_BY]: OPERATOR },
    },
    source: 'torwacht',
    scope: { apiVersion: 'v1', kind: 'Namespace', name: namespace },
    configuration: { limits: { maxResults: MOST_RESULTS } },
    summary: { pass: 0, ...counts, error: 0, skip: 0 },
    results: all.slice(0, MOST_RESULTS).map(resultOf),
  };
}

function newestFirst(one: StoredRow, other: StoredRow): number {
  const [a, b] = [one.spec.lastSeen, other.spec.lastSeen];
  if (a !== b) return a < b ? 1 : -1;
  return one.metadata.name < other.metadata.name ? -1 : 1;
}

/** What Observe let pass is no failure: nothing was held against it. */
function outcomeOf({ action }: ViolationSpec): Result['result'] {
  return action === 'observe' ? 'warn' : 'fail';
}

function severityOf({ action, reason }: ViolationSpec): Result['severity'] {
  if (action === 'observe') return 'low';
  return (alwaysDeniedReasons as ReadonlySet<string>).has(reason) ? 'high' : 'medium';
}

function resultOf({ metadata, spec }: StoredRow): Result {
  const { namespace = '', name } = metadata;
  const pods = spec.pods.map((pod) => ({
    ...{ apiVersion: 'v1', kind: 'Pod', namespace, name: pod.name },
  }));
  return {
    policy: spec.policy ?? 'torwacht',
    rule: spec.rule,
    category: 'egress',
    severity: severityOf(spec),
    result: outcomeOf(spec),
    scored: spec.action !== 'observe',
    timestamp: { seconds: Math.floor(Date.parse(spec.lastSeen) / 1000), nanos: 0 },
    message: messageOf(spec),
    resources: pods,
    properties: propertiesOf(name, spec),
  };
}

/** @example 'node of job install of project 42: refused evil.example:8000/tcp, 3 times (default)' */
function messageOf(spec: ViolationSpec): string {
  const { process = 'unknown process', job, project, destination, port, protocol } = spec;
  const who = [process, ...(job ? [`job ${job}`] : []), ...(project ? [`project ${project}`] : [])];
  const where = `${destination}${port === undefined ? '' : `:${port}`}${protocol ? `/${protocol}` : ''}`;
  const verb = spec.action === 'observe' ? 'would be refused' : 'refused';
  const often = spec.count === 1 ? 'once' : `${spec.count} times`;
  const what =
    spec.destination === SEVERAL ? 'rows without a place of their own' : who.join(' of ');
  return `${what}: ${verb} ${where}, ${often} (${spec.reason})`;
}

const told = [
  ...([
    'project',
    'job',
    'url',
    'process',
    'parent',
    'executable',
    'action',
    'destination',
  ] as const),
  ...(['address', 'port', 'protocol', 'reason', 'count', 'firstSeen', 'lastSeen'] as const),
] as const;

/** Every value is a text. */
function propertiesOf(violation: string, spec: ViolationSpec): Result['properties'] {
  const given = told.flatMap((field) => {
    const value = spec[field];
    return value === undefined ? [] : [[field, String(value)] as const];
  });
  return { violation, ...Object.fromEntries(given) };
}
