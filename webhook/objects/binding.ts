/** What is wrong, or unwise, about a RunnerBinding beside the others. */
import { isDeepStrictEqual } from 'node:util';
import { exceptionKinds } from '#api/admission.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { documentTitle, namespaceOf } from '#policy/title.ts';
import type { Saying } from './names.ts';

/** @param before what it was, where it is changed; @param others all bindings that may overlap with it */
export function judgeBinding(
  binding: RunnerBinding,
  before: RunnerBinding | null,
  others: readonly RunnerBinding[],
  saying: Saying,
): void {
  const { problem } = saying;
  if (before !== null && !isDeepStrictEqual(before.spec.selector, binding.spec.selector)) {
    problem(
      'spec.selector cannot be changed: pods that run would be under another binding at once. Make a new RunnerBinding, and delete this one when its jobs have ended.',
    );
  }
  for (const other of others) {
    if (documentTitle(other) !== documentTitle(binding) && overlap(binding, other)) {
      problem(
        `it selects pods that ${documentTitle(other)} selects too. Make them one, or select by labels that exclude each other.`,
      );
    }
  }
  judgeBarrier(binding, saying);
  judgeGuard(binding, saying);
}

/** Is there a pod that both select? */
export function overlap(one: RunnerBinding, other: RunnerBinding): boolean {
  const namespaces = ({ spec, ...document }: RunnerBinding) =>
    spec.selector?.namespaces ?? [namespaceOf({ spec, ...document })];
  const common = namespaces(one).some((name) => namespaces(other).includes(name));
  const labels = one.spec.selector?.podLabels ?? {};
  const others = other.spec.selector?.podLabels ?? {};
  const exclude = Object.keys(labels).some(
    (key) => Object.hasOwn(others, key) && others[key] !== labels[key],
  );
  return common && !exclude;
}

function judgeBarrier({ spec }: RunnerBinding, { problem, warning }: Saying): void {
  const { barrier, inject, runners = [] } = spec;
  if (inject === true && barrier === undefined) {
    problem('spec.inject needs spec.barrier: nobody says what is to be put in.');
  } else if (inject === true && barrier?.images[0]?.endsWith('*')) {
    problem('spec.barrier.images[0] is a prefix, and spec.inject needs an image there.');
  }
  for (const image of barrier?.images ?? []) {
    if (!image.includes('@sha256:')) {
      warning(
        `spec.barrier.images: whoever can push ${image} can replace the barrier; name it by digest`,
      );
    }
  }
  if (runners.length === 0) {
    warning(
      'spec.runners is empty: pods with labels of GitLab Runner are refused where this is enforced',
    );
  }
}

/** What these hold opens the node, whatever a binding calls it. */
const sensitive = [
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/opt/cni',
  '/proc',
  '/root',
  '/run',
  '/sys',
  '/usr',
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/docker',
  '/var/lib/etcd',
  '/var/lib/kubelet',
  '/var/log',
  '/var/run',
];

function judgeGuard({ spec }: RunnerBinding, { problem, warning }: Saying): void {
  for (const path of spec.guard?.hostPaths ?? []) {
    const inside = (a: string, b: string) => a === b || a.startsWith(`${b}/`);
    const root = sensitive.find((one) => inside(path, one) || inside(one, path));
    if (root !== undefined) {
      problem(
        `spec.guard.hostPaths: ${path} holds or is part of ${root}, which opens the node. If it must be, write an exception: { allow: AnyHostPath, reason: … }.`,
      );
    }
  }
  for (const { allow, reason, projects } of spec.guard?.exceptions ?? []) {
    const where = projects === undefined ? 'every pod' : `projects ${projects.join(', ')}`;
    warning(`exception for ${where}: ${exceptionKinds[allow]} (${reason})`);
  }
}
