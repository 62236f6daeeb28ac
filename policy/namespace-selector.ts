/**
 * Which namespaces a cluster policy is about. Without an API server a namespace's labels are unknown but for
 * one, which every namespace has; an answer may then be `unknown`.
 */
import type { LabelSelector } from '#api/label-selector.ts';

/** The API server gives it to each namespace, with its name. */
export const NAME_LABEL = 'kubernetes.io/metadata.name';

export type Labels = Readonly<Record<string, string>>;
export type Answer = 'yes' | 'no' | 'unknown';

/** @param labels all of them; undefined where nobody knows them */
export function selectsNamespace(
  selector: LabelSelector | undefined,
  namespace: string,
  labels: Labels | undefined,
): Answer {
  const labelOf = (key: string): string | undefined | null => {
    if (key === NAME_LABEL) return namespace;
    if (labels === undefined) return null;
    return Object.hasOwn(labels, key) ? labels[key] : undefined;
  };
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  const requirements = [
    ...Object.entries(matchLabels).map(([key, value]) => ({
      key,
      operator: 'In' as const,
      values: [value],
    })),
    ...matchExpressions,
  ];
  let answer: Answer = 'yes';
  for (const requirement of requirements) {
    const value = labelOf(requirement.key);
    if (value === null) answer = 'unknown';
    else if (!holds(requirement, value)) return 'no';
  }
  return answer;
}

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

/** As in the Kubernetes API: NotIn holds for a namespace without the label. */
function holds({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** A selector of exactly these namespaces, which whoever knows no labels can answer. */
export function selectorOfNames(namespaces: readonly string[]): LabelSelector {
  const values = [...namespaces].sort();
  return { matchExpressions: [{ key: NAME_LABEL, operator: 'In', values }] };
}
