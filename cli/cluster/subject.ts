/** Who is asked about: a pod as it stands in the cluster, or a job that is only named. */
import { JOB_ANNOTATION, PROJECT_LABEL, whoIs } from '#agent/pods/governed.ts';
import { failure } from '#api/error.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { quoted } from '#policy/problem.ts';
import { documentTitle } from '#policy/title.ts';
import type { Identity } from '#policy/types.ts';
import type { Cluster } from './cluster.ts';
import { errors } from './errors.ts';
import type { Live } from './live.ts';
import { type Pod, pods } from './resources.ts';

/** As commander gives them. */
export interface WhoFlags {
  readonly pod?: string;
  readonly project?: string;
  readonly job?: string;
}

export interface Subject {
  readonly pod: string | null;
  /** Where the pod runs. */
  readonly node: string | null;
  readonly identity: Identity;
  /** Empty: nothing holds it. */
  readonly bindings: readonly RunnerBinding[];
  /** What it is, and how that is known: lines of a label and a text. */
  readonly facts: readonly (readonly [label: string, text: string])[];
  readonly assumed: readonly string[];
}

/** @throws TW_KUBE_WHO */
export function checkWho({ pod, project, job }: WhoFlags): void {
  const wrong = (problem: string) => failure(errors.who, { problem });
  if (pod !== undefined && (project ?? job) !== undefined) {
    throw wrong('A pod says itself which project and job it is for.');
  }
  if (pod === undefined && project === undefined) throw wrong('It is not said who is asked about.');
  if (project !== undefined && !/^[1-9][0-9]{0,18}$/.test(project)) {
    throw wrong(`${quoted(project)} is not the numeric id of a GitLab project.`);
  }
}

/** @throws TW_KUBE_NOT_FOUND */
export async function subjectOf(cluster: Cluster, live: Live, flags: WhoFlags): Promise<Subject> {
  if (flags.pod === undefined) return named(live, flags);
  return ofPod(live, await cluster.get(pods, { name: flags.pod, namespace: live.namespace }));
}

function ofPod(live: Live, pod: Pod): Subject {
  const { name, namespace = live.namespace, labels = {}, annotations = {} } = pod.metadata;
  const known = whoIs(live.documents, { namespace, labels, annotations });
  const bindings = known?.bindings ?? [];
  const ended = ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '');
  const node = pod.spec?.nodeName;
  const project = known?.identity.project;
  return {
    pod: name,
    node: node ?? null,
    identity: within(live, known?.identity ?? { namespace, labels }),
    bindings,
    facts: [
      ['pod', `${namespace}/${name}${node === undefined ? ', on no node yet' : ` on ${node}`}`],
      ...(known === null
        ? []
        : [projectFact(project), jobFact(known, annotations, ` (annotation ${JOB_ANNOTATION})`)]),
      governedBy(bindings),
    ],
    assumed: ended ? ['The pod has ended: this is what would hold for it now.'] : [],
  };
}

function projectFact(project: string | undefined): [string, string] {
  const text =
    project === undefined
      ? `none: the pod has no label ${PROJECT_LABEL}, so only policies for every project hold`
      : `${shown(project)} (label ${PROJECT_LABEL})`;
  return ['project', text];
}

type Known = NonNullable<ReturnType<typeof whoIs>>;

function jobFact(
  { identity, bindings, trusted }: Known,
  annotations: Readonly<Record<string, string>>,
  source: string,
): [string, string] {
  const said = annotations[JOB_ANNOTATION];
  if (identity.job !== undefined) return ['job', `${shown(identity.job)}${source}`];
  const why = said
    ? `it says ${quoted(said)}, and ${distrusting(bindings)} does not trust annotations`
    : `the pod has no annotation ${JOB_ANNOTATION}`;
  return ['job', trusted || !said ? `none: ${why}` : `unknown: ${why}`];
}

function distrusting(bindings: readonly RunnerBinding[]): string {
  const one = bindings.find(({ spec }) => spec.trust?.annotations !== true);
  return one === undefined ? 'a RunnerBinding' : documentTitle(one);
}

function governedBy(bindings: readonly RunnerBinding[]): [string, string] {
  return [
    'governed',
    bindings.length === 0 ? 'no' : `by ${bindings.map(documentTitle).join(', ')}`,
  ];
}

/** A pod as its runner would make it for this job: with the labels that the bindings ask for. */
function named(live: Live, { project = '', job }: WhoFlags): Subject {
  const { namespace, documents } = live;
  const asked = documents.flatMap((document) =>
    document.kind === 'RunnerBinding'
      ? Object.entries(document.spec.selector?.podLabels ?? {})
      : [],
  );
  const labels = { ...Object.fromEntries(asked), [PROJECT_LABEL]: project };
  const annotations: Record<string, string> = job === undefined ? {} : { [JOB_ANNOTATION]: job };
  const known = whoIs(documents, { namespace, labels, annotations });
  const bindings = known?.bindings ?? [];
  return {
    pod: null,
    node: null,
    identity: within(live, known?.identity ?? { namespace, labels, project }),
    bindings,
    facts: [
      ['project', `${project}, in namespace ${namespace}`],
      ...(known === null || job === undefined ? [] : [jobFact(known, annotations, '')]),
      governedBy(bindings),
    ],
    assumed:
      asked.length === 0
        ? []
        : [
            `Assumed that its pod has the labels ${asked.map((pair) => pair.join('=')).join(', ')}.`,
          ],
  };
}

function within({ labels }: Live, identity: Identity): Identity {
  return labels === undefined ? identity : { ...identity, namespaceLabels: labels };
}

/** Labels have narrow values; annotations hold whatever somebody wrote. */
function shown(text: string): string {
  return /^[\w*./:-]{1,80}$/.test(text) ? text : quoted(text);
}
