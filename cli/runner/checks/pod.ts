/** The pod that comes of all settings and patches, judged by admission's own rules. */
import type { Barrier } from '#api/admission.ts';
import { type RunnerBinding, runnerBindingSchema } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';
import { namespacesOf } from '#policy/select.ts';
import { documentTitle, namespaceOf } from '#policy/title.ts';
import { projectLabel } from '#webhook/check/asked.ts';
import { decide } from '#webhook/check/decide.ts';
import { type Pod, podSchema } from '#webhook/check/pod.ts';
import type { Problem } from '#webhook/check/refusal.ts';
import { injected } from '#webhook/inject.ts';
import { type Finding, fail, pass, warn } from '../../findings.ts';
import { jobPod } from '../job-pod.ts';
import { ADVANCED } from '../settings.ts';
import type { Check } from './rule.ts';

/** Which settings a refusal comes from, and so what to change. */
const mendings: Readonly<Record<string, string>> = {
  TW_ADMIT_PRIVILEGED:
    'Set privileged = false, also in *_container_security_context, or let the binding except it for some projects (spec.guard.exceptions: Privileged).',
  TW_ADMIT_CAPABILITY:
    'Take it out of cap_add and of *_container_security_context, or allow it by spec.guard.capabilities of the binding.',
  TW_ADMIT_NET_RAW: 'Take NET_RAW out of cap_add; GitLab Runner drops it by itself.',
  TW_ADMIT_SECCOMP:
    'Add securityContext.seccompProfile.type RuntimeDefault to the patch, beside initContainers.',
  TW_ADMIT_HOST_PATH:
    'Take it out of volumes.host_path, or allow it by spec.guard.hostPaths of the binding.',
  TW_ADMIT_VOLUME: 'Take it out of volumes, or of the patch that adds it.',
  TW_ADMIT_RUNTIME_CLASS:
    'Take runtime_class_name out, or allow it by spec.guard.runtimeClasses of the binding.',
  TW_ADMIT_NODE_REQUESTS: 'Take the host out of container_lifecycle, or out of the patch.',
  TW_ADMIT_NOT_SELECTED:
    'Set the labels of spec.selector.podLabels by [runners.kubernetes.pod_labels].',
  TW_ADMIT_BARRIER_MISSING: 'Add the patch that `torwacht runner config` prints.',
  TW_ADMIT_BARRIER_NOT_FIRST:
    "Make the barrier's patch the last of pod_spec, and let no patch name init-permissions.",
};
const EQUAL = 'Take the patch that `torwacht runner config` prints for this RunnerBinding.';

export const pod: Check = ({ runner, kubernetes, binding, config }) => {
  const advanced = runner.feature_flags?.[ADVANCED] === true;
  const made = jobPod(kubernetes, config.patchFile, advanced);
  const findings: Finding[] = [
    ...made.broken.map((problem) =>
      fail(
        'kubernetes.pod_spec',
        `the patch ${problem}; GitLab Runner fails every job with it`,
        'Mend it. What it would add is missing below.',
      ),
    ),
    ...made.fragile.map((name) =>
      warn(
        'kubernetes.pod_spec',
        `the patch ${name} is of the type json: where a list is not there, jobs fail with "doc is missing path"`,
        'Write it as patch_type = "strategic", which works with the list and without.',
      ),
    ),
  ];
  const { data, error } = podSchema.safeParse(made.pod);
  if (data === undefined) {
    const where = error.issues[0]?.path.map(String).join('.') ?? '';
    const sentence = `the patches make no pod of it: ${where}: ${error.issues[0]?.message ?? ''}`;
    return [...findings, fail('kubernetes.pod_spec', sentence, EQUAL)];
  }
  return [...findings, ...judged(data, binding, kubernetes.namespace)];
};

function judged(made: Pod, given: RunnerBinding | null, named = ''): readonly Finding[] {
  const binding = given ?? anyBinding(made);
  const problems = problemsOf(made, binding, named);
  const said = given === null ? "admission's standard" : documentTitle(given);
  if (problems.length === 0) {
    const name = binding.spec.barrier?.name ?? '';
    return [
      pass('kubernetes.pod_spec', `the barrier ${name} comes first, and is as ${said} has it`),
      pass('pod', `admission would let the pod in, by ${said}`),
    ];
  }
  const exceptions = binding.spec.guard?.exceptions ?? [];
  const projects = [...new Set(exceptions.flatMap((one) => one.projects ?? []))].filter(
    (project) => problemsOf(ofProject(made, project), binding, named).length === 0,
  );
  return problems.map(({ code, sentence }) =>
    projects.length === 0
      ? fail(
          code,
          `admission would refuse the pod by ${said}: ${sentence} [${code}]`,
          mendings[code] ?? EQUAL,
        )
      : warn(
          code,
          `admission would let in only pods of the projects ${projects.join(', ')}: ${sentence} [${code}]`,
          'Make it a runner of these projects alone; jobs of others would fail.',
        ),
  );
}

function ofProject(made: Pod, project: string): Pod {
  const labels = { ...made.metadata.labels, [projectLabel]: project };
  return { ...made, metadata: { ...made.metadata, labels } };
}

/** Where it runs, and who makes it, have lines of their own: here both are as the binding has it. */
function problemsOf(made: Pod, binding: RunnerBinding, named: string): readonly Problem[] {
  const known = namespacesOf(binding);
  const [first = ''] = known;
  const [runner = { serviceAccount: 'gitlab-runner', namespace: first }] =
    binding.spec.runners ?? [];
  const { namespace: place = namespaceOf(binding), serviceAccount } = runner;
  const request = {
    phase: 'create',
    namespace: known.includes(named) ? named : first,
    user: { username: `system:serviceaccount:${place}:${serviceAccount}`, groups: [] },
    pod: made,
  } as const;
  const bindings = [{ ...binding, spec: { ...binding.spec, runners: [runner] } }];
  const after = podSchema.parse(injected(request, made, bindings));
  return decide({ ...request, pod: after }, bindings).problems;
}

/** Where no binding is given: the barrier of docs/barrier.md with whatever image, words and variables it has. */
function anyBinding(made: Pod): RunnerBinding {
  const found = made.spec.initContainers?.find(({ name }) => name === 'torwacht-barrier');
  const { image = 'unknown', command, args, env } = found ?? {};
  const barrier: Partial<Barrier> = {
    images: [image],
    ...(command && { command }),
    ...(args && { args }),
    ...(env && { env: env.map(({ name, value = '' }) => ({ name, value })) }),
  };
  const bindingOf = (own: Partial<Barrier>) => ({
    apiVersion,
    kind: 'RunnerBinding',
    metadata: { name: 'any', namespace: 'default' },
    spec: { barrier: own },
  });
  const { data } = runnerBindingSchema.safeParse(bindingOf(barrier));
  // What no binding could say admission refuses under any.
  return data ?? runnerBindingSchema.parse(bindingOf({ images: ['unknown'] }));
}
