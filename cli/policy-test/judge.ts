/** What becomes of each expectation: the same verdict and selection as `policy explain` and the agent have. */
import { JOB_ANNOTATION, PROJECT_LABEL, whoIs } from '#agent/pods/governed.ts';
import type { TorwachtDocument } from '#api/documents.ts';
import { type CompileOptions, compile } from '#policy/compile.ts';
import { portText } from '#policy/destination.ts';
import { type Explanation, explain } from '#policy/explain.ts';
import type { Place } from '#policy/load.ts';
import type { Identity } from '#policy/types.ts';
import { byNoRule } from '../policy/explain-text.ts';
import type { Expectation, Suite, Test } from './read.ts';
import type { Who } from './schema.ts';

export interface Outcome {
  /** @example 'deny node → evil.test, 443/TCP' */
  readonly text: string;
  readonly place: Place;
  readonly passed: boolean;
  /** What is not as expected; empty where all is. */
  readonly sentence: string;
  /** Where the rule stands that decided; null where none did. */
  readonly rulePlace: Place | null;
  /** What would have to be different, and what was taken for granted. */
  readonly notes: readonly string[];
}

export interface Tested {
  readonly name: string;
  readonly outcomes: readonly Outcome[];
}

export interface TestedSuite {
  readonly file: string;
  readonly name: string;
  readonly tests: readonly Tested[];
}

/** @throws what `compile` throws */
export function judgeSuite(suite: Suite): TestedSuite {
  const { file, name, tests } = suite;
  return {
    file,
    name,
    tests: tests.map((test) => ({ name: test.name, outcomes: judgeTest(test, suite) })),
  };
}

interface Subject {
  /** Null where no binding governs it: then nothing is held. */
  readonly identity: Identity | null;
  readonly options: CompileOptions;
  readonly notes: readonly string[];
}

/** Without a namespace documents are read as `torwacht run` reads them, else as a cluster does. */
function subjectOf({ namespace, ...who }: Who, documents: readonly TorwachtDocument[]): Subject {
  const refNote = who.ref === undefined ? [] : ['No rule tells refs apart.'];
  const said = {
    ...(who.project === undefined ? {} : { project: who.project }),
    ...(who.job === undefined ? {} : { job: who.job }),
    ...(who.namespaceLabels === undefined ? {} : { namespaceLabels: who.namespaceLabels }),
  };
  if (namespace === undefined) {
    return {
      identity: { namespace: 'default', ...said },
      options: { ignoreNamespaces: true, trustIdentity: true },
      notes: refNote,
    };
  }
  const bindings = documents.filter((document) => document.kind === 'RunnerBinding');
  if (bindings.length === 0) {
    const assumed =
      'There is no RunnerBinding among the policies: one is taken for granted that holds the job in Block and trusts no job names.';
    const labels = who.labels === undefined ? {} : { labels: who.labels };
    const identity = { namespace, ...said, ...labels };
    return { identity, options: {}, notes: [assumed, ...refNote] };
  }
  const labels = {
    ...Object.assign({}, ...bindings.map(({ spec }) => spec.selector?.podLabels ?? {})),
    ...who.labels,
    ...(who.project === undefined ? {} : { [PROJECT_LABEL]: who.project }),
  };
  const annotations: Record<string, string> =
    who.job === undefined ? {} : { [JOB_ANNOTATION]: who.job };
  const known = whoIs(documents, { namespace, labels, annotations });
  if (known === null) return { identity: null, options: {}, notes: refNote };
  const { namespaceLabels } = said;
  const identity =
    namespaceLabels === undefined ? known.identity : { ...known.identity, namespaceLabels };
  const unknownJob = who.job !== undefined && identity.job === undefined;
  const note =
    'The job name does not count: a RunnerBinding that governs it does not say trust.annotations.';
  return { identity, options: {}, notes: [...(unknownJob ? [note] : []), ...refNote] };
}

function judgeTest({ who, mode, expectations }: Test, { policies }: Suite): readonly Outcome[] {
  const { documents, place } = policies;
  const subject = subjectOf(who, documents);
  const { identity, options } = subject;
  const outcomes = expectations.map((expectation): Outcome => {
    const base = { text: textOf(expectation), place: expectation.place };
    if (identity === null) return { ...base, ...ungoverned(who, subject.notes) };
    const { destination } = expectation;
    const found = explain({ documents, identity, options, destination });
    const sentence = difference(expectation, found);
    const { rule, hints } = found;
    const process = expectation.detail.process === undefined ? [] : [processNote];
    return {
      ...base,
      passed: sentence === '',
      sentence,
      rulePlace: rule === null ? null : place(rule.title, rule.path),
      notes: sentence === '' ? [] : [...hints, ...process, ...subject.notes],
    };
  });
  if (mode === null) return outcomes;
  const base = { text: `mode ${mode.expected}`, place: mode.place };
  if (identity === null) return [...outcomes, { ...base, ...ungoverned(who, subject.notes) }];
  const { mode: own } = compile(documents, identity, options);
  const passed = own === mode.expected;
  const sentence = passed ? '' : `the mode is ${own}`;
  return [...outcomes, { ...base, passed, sentence, rulePlace: null, notes: [] }];
}

const processNote =
  'No rule tells processes apart: what holds for the job holds for all of its processes.';

function ungoverned({ namespace }: Who, notes: readonly string[]) {
  const sentence = `no RunnerBinding governs such a pod of the namespace ${namespace}: nothing would hold it`;
  return { passed: false, sentence, rulePlace: null, notes };
}

function textOf({ verdict, to, destination, detail }: Expectation): string {
  const process = detail.process === undefined ? '' : `${detail.process} → `;
  return `${verdict} ${process}${to}, ${portText(destination)}`;
}

/** In what the verdict differs from what is expected; empty where it does not. */
function difference({ verdict, detail }: Expectation, found: Explanation): string {
  const by = found.rule?.rule ?? byNoRule(found.reason);
  const is = found.allowed ? `allowed by ${by}` : `refused by ${by}`;
  if (found.allowed !== (verdict === 'allow')) return `it is ${is}`;
  const { rule, reason } = detail;
  if (rule !== undefined && rule !== found.rule?.rule && rule !== found.rule?.title) {
    return `it is ${is}; expected was: by ${rule}`;
  }
  if (reason !== undefined && reason !== found.reason) {
    return `it is ${is} for the reason ${found.reason}; expected was ${reason}`;
  }
  return '';
}
