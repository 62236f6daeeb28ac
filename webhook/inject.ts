/** Puts the barrier into a pod that comes without it, where the binding asks for it. Pure. */
import jsonPatch, { type Operation } from 'fast-json-patch';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { governs } from '#policy/select.ts';
import { isExempt, labelsOf, type PodRequest } from './check/asked.ts';
import { isAbout } from './check/decide.ts';
import type { Container, Pod } from './check/pod.ts';

type Create = Extract<PodRequest, { readonly phase: 'create' }>;

/**
 * What to change, as JSON patch; nothing where the barrier stands first already, so that being asked again
 * changes nothing. What comes out is judged by the check like any other pod.
 * @param object the pod as it came, with all that `podSchema` does not know
 */
export function injection(
  request: Create,
  object: object,
  bindings: readonly RunnerBinding[],
): readonly Operation[] {
  const binding = asking(request, bindings);
  if (binding === null || isExempt({ request, binding })) return [];
  const barrier = barrierContainer(binding);
  if (barrier === null) return [];
  const patched = structuredClone(object) as Pod;
  place(patched, barrier);
  confine(patched);
  return jsonPatch.compare(object, patched);
}

/** The pod as it is after injection; the same object where nothing was put in. */
export function injected(
  request: Create,
  object: object,
  bindings: readonly RunnerBinding[],
): object {
  const patch = injection(request, object, bindings);
  if (patch.length === 0) return object;
  return jsonPatch.applyPatch(structuredClone(object), patch as Operation[]).newDocument;
}

/** The one binding that governs it, where that asks for it. */
function asking(request: Create, bindings: readonly RunnerBinding[]): RunnerBinding | null {
  const { namespace, pod } = request;
  const here = bindings.filter((binding) => isAbout(binding, namespace));
  const selecting = here.filter((one) => governs(one, { namespace, labels: labelsOf(pod) }));
  const [only] = selecting;
  return only !== undefined && selecting.length === 1 && only.spec.inject === true ? only : null;
}

/**
 * The barrier as the binding's template has it; null without a template, and without an image.
 * @param image the first of the template that is no prefix, when omitted
 */
export function barrierContainer(
  { spec: { barrier } }: RunnerBinding,
  image = barrier?.images.find((entry) => !entry.endsWith('*')),
): Container | null {
  if (barrier === undefined || image === undefined) return null;
  const { name, command, args, env, securityContext } = barrier;
  return {
    name,
    image,
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    ...(env === undefined ? {} : { env }),
    securityContext,
  };
}

/** First, and once: another webhook may have put its own before ours since. */
function place(pod: Pod, barrier: Container): void {
  const inits = pod.spec.initContainers ?? [];
  if (inits[0]?.name === barrier.name) return;
  const own = inits.find(({ name }) => name === barrier.name) ?? barrier;
  pod.spec.initContainers = [own, ...inits.filter(({ name }) => name !== barrier.name)];
}

export const profile = { type: 'RuntimeDefault' } as const;

/** The container runtime's profile, where the pod says nothing about one. */
function confine(pod: Pod): void {
  pod.spec.securityContext ??= {};
  pod.spec.securityContext.seccompProfile ??= { ...profile };
}
