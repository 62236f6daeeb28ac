/** What a runner has to be told so that its pods are let in and held: pure, from its RunnerBinding. */
import type { Barrier } from '#api/admission.ts';
import { failure } from '#api/error.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { quoted } from '#policy/problem.ts';
import { namespacesOf } from '#policy/select.ts';
import { documentTitle, namespaceOf } from '#policy/title.ts';
import { imageAllowed } from '#webhook/check/rules/barrier.ts';
import { barrierContainer, profile } from '#webhook/inject.ts';
import { errors } from './errors.ts';

/** Without it GitLab Runner reads no pod_spec. A job's variables set every flag that is not pinned. */
export const ADVANCED = 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION';

/** s: GitLab Runner's own `poll_timeout` (common/consts.go), and the barrier's own deadline. */
export const POLL_TIMEOUT = 180;
const DEADLINE = 20;
/** s, for what comes before the barrier in that time: a node, and the pull of its image. */
export const BEFORE_BARRIER = 60;

/** Settings by which a job could choose where and as what its pod runs, at what makes them say nothing. */
export const overwrites = {
  namespace_overwrite_allowed: '',
  service_account_overwrite_allowed: '',
  bearer_token_overwrite_allowed: false,
  pod_labels_overwrite_allowed: '',
  pod_annotations_overwrite_allowed: '',
  node_selector_overwrite_allowed: '',
  node_tolerations_overwrite_allowed: '',
} as const;

export interface RunnerSettings {
  /** The binding. */
  readonly title: string;
  /** Of the GitLab instance; null where the binding names none. */
  readonly url: string | null;
  /** Where jobs run. */
  readonly namespace: string;
  /** The first of the binding's runners. */
  readonly manager: { readonly namespace: string; readonly serviceAccount: string } | null;
  /** Does the runner manager's own pod need the label of exempt pods? */
  readonly managerExempt: boolean;
  readonly podLabels: Readonly<Record<string, string>>;
  /** s */
  readonly deadline: number;
  /** s */
  readonly pollTimeout: number;
  /** A strategic patch of a PodSpec. */
  readonly patch: object;
}

interface Choices {
  readonly namespace?: string | undefined;
  readonly image?: string | undefined;
}

/** @throws TW_RUNNER_NO_TEMPLATE, TW_RUNNER_IMAGE, TW_RUNNER_NAMESPACE */
export function settingsOf(binding: RunnerBinding, choices: Choices): RunnerSettings {
  const { barrier, selector = {}, gitlab, runners = [], exempt = [] } = binding.spec;
  const title = documentTitle(binding);
  if (barrier === undefined) throw failure(errors.noTemplate, { title });
  const namespace = namespaceFor(binding, choices.namespace);
  const [runner] = runners;
  const manager = runner && {
    serviceAccount: runner.serviceAccount,
    namespace: runner.namespace ?? namespaceOf(binding),
  };
  const deadline = deadlineOf(barrier);
  return {
    title,
    url: gitlab?.url ?? null,
    namespace,
    manager: manager ?? null,
    managerExempt:
      manager !== undefined &&
      namespacesOf(binding).includes(manager.namespace) &&
      exempt.some(({ serviceAccount }) => serviceAccount === manager.serviceAccount),
    podLabels: selector.podLabels ?? {},
    deadline,
    pollTimeout: Math.max(POLL_TIMEOUT, Math.ceil(deadline) + BEFORE_BARRIER),
    patch: {
      securityContext: { seccompProfile: { ...profile } },
      initContainers: [barrierFor(binding, barrier, choices.image)],
    },
  };
}

function namespaceFor(binding: RunnerBinding, named: string | undefined): string {
  const known = namespacesOf(binding);
  const wrong = (problem: string) =>
    failure(errors.namespace, { problem, title: documentTitle(binding), known: known.join(', ') });
  if (named !== undefined) {
    if (known.includes(named)) return named;
    throw wrong(`No pod of the namespace ${quoted(named)} is governed by the binding.`);
  }
  const [first] = known;
  if (first !== undefined && known.length === 1) return first;
  throw wrong('It is not said in which namespace the jobs of this runner run.');
}

function barrierFor(binding: RunnerBinding, { images }: Barrier, named: string | undefined) {
  const wrong = (problem: string) =>
    failure(errors.image, { problem, title: documentTitle(binding), known: images.join(', ') });
  if (named !== undefined && !imageAllowed(named, images)) {
    throw wrong(`Admission would refuse a barrier with the image ${quoted(named)}.`);
  }
  const container = barrierContainer(binding, named);
  if (container !== null) return container;
  throw wrong('It is not said which image the barrier has: name one with --image.');
}

/** How long the barrier waits, in seconds. What it cannot read it refuses (barrier/settings.c). */
export function deadlineOf({ args = [], env = [] }: Pick<Barrier, 'args' | 'env'>): number {
  const at = args.findIndex((word) => /^--deadline(=|$)/.test(word));
  const flag = at < 0 ? undefined : (/=(.*)/.exec(args[at] ?? '')?.[1] ?? args[at + 1]);
  const text = flag ?? env.find(({ name }) => name === 'TORWACHT_BARRIER_DEADLINE')?.value;
  const [, number, unit = ''] = /^([0-9]{1,7})(ms|s|m)$/.exec(text ?? '') ?? [];
  const factor = { ms: 0.001, s: 1, m: 60 }[unit];
  return factor === undefined ? DEADLINE : Number(number) * factor;
}
