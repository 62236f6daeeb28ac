/** Which documents are about a target, and how strictly it is held. */
import { exemptLabel } from '#api/admission.ts';
import type { Selector } from '#api/egress-policy.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { namespaceOf } from './title.ts';
import type { Identity, Mode } from './types.ts';

/** Does a selector name this target? What the target does not say of itself matches no selector. */
export function selects(selector: Selector | undefined, identity: Identity): boolean {
  const { project, job } = identity;
  const { projects, jobs } = selector ?? {};
  const projectMatches =
    projects === undefined || (project !== undefined && projects.includes(project));
  return (
    projectMatches &&
    (jobs === undefined || (job !== undefined && jobs.some((pattern) => matchesGlob(pattern, job))))
  );
}

/**
 * A binding governs pods of the namespaces that it names, its own by default, that have its labels; where it
 * exempts any, not those that say they are exempt, which admission lets only these say.
 */
export function governs(binding: RunnerBinding, identity: Identity): boolean {
  const { selector = {}, exempt = [] } = binding.spec;
  const { podLabels = {} } = selector;
  const here = namespacesOf(binding).includes(identity.namespace);
  const isLetGo = exempt.length > 0 && hasLabel(identity, exemptLabel, 'true');
  return (
    here &&
    !isLetGo &&
    Object.entries(podLabels).every(([key, value]) => hasLabel(identity, key, value))
  );
}

/** The namespaces that a binding is about: those that it names, its own by default. */
export function namespacesOf(binding: RunnerBinding): readonly string[] {
  return binding.spec.selector?.namespaces ?? [namespaceOf(binding)];
}

function hasLabel({ labels }: Identity, key: string, value: string): boolean {
  return labels !== undefined && Object.hasOwn(labels, key) && labels[key] === value;
}

/** The stricter mode wins, within a binding and between bindings; without any it is Block. */
export function modeOf(bindings: readonly RunnerBinding[], identity: Identity): Mode {
  const modes = bindings.flatMap(({ spec }): readonly Mode[] => {
    const own = (spec.modes ?? []).filter((entry) => selects(entry, identity));
    return own.length === 0 ? [spec.mode] : own.map((entry) => entry.mode);
  });
  return modes.length > 0 && modes.every((mode) => mode === 'Observe') ? 'Observe' : 'Block';
}

/**
 * `*` stands for any characters, none included. Compared piece by piece and never going back further than
 * the last star, so no pattern is slow.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const pieces = pattern.split('*');
  const [first = ''] = pieces;
  if (pieces.length === 1) return text === first;
  const last = pieces.at(-1) ?? '';
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
