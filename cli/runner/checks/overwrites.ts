/** What a job may say about its own pod, and what of that trust depends on. */
import { runnerKey } from '#webhook/check/asked.ts';
import { type Finding, fail, pass, warn } from '../../findings.ts';
import { overwrites } from '../settings.ts';
import type { Asked, Check } from './rule.ts';

type Setting = keyof typeof overwrites;

interface Consequence {
  readonly level: 'warn' | 'fail';
  readonly means: string;
}

/** What follows from letting jobs choose it; how bad that is may be for the binding to say. */
const consequences: Readonly<Record<Setting, (asked: Asked) => Consequence>> = {
  namespace_overwrite_allowed: () => ({
    level: 'fail',
    means:
      'a job chooses the namespace of its pod, and so one that nothing holds or that other policies are for',
  }),
  service_account_overwrite_allowed: () => ({
    level: 'warn',
    means: 'a job chooses the service account of its pod, and so its rights at the API server',
  }),
  bearer_token_overwrite_allowed: () => ({
    level: 'fail',
    means:
      'a job chooses in whose name its pod is made, and what a pod says of itself is believed by that',
  }),
  pod_labels_overwrite_allowed: ({ binding }) =>
    binding?.spec.selector?.podLabels === undefined
      ? { level: 'warn', means: 'a job chooses labels of its pod, and other tools may go by those' }
      : { level: 'fail', means: 'a job chooses the labels by which the binding selects its pods' },
  pod_annotations_overwrite_allowed: ({ binding }) =>
    binding !== null && binding.spec.trust?.annotations !== true
      ? {
          level: 'warn',
          means:
            'a job can write any job name and ref into its annotations; the binding does not trust those',
        }
      : {
          level: 'fail',
          means:
            'a job can write any job name into its annotations, also those of GitLab Runner, which no guard reserves',
        },
  node_selector_overwrite_allowed: () => ({
    level: 'warn',
    means: 'a job chooses its node; on one without an agent its barrier fails it',
  }),
  node_tolerations_overwrite_allowed: () => ({
    level: 'warn',
    means:
      'a job chooses which taints it tolerates; on a node without an agent its barrier fails it',
  }),
};

export const overwriting: Check = (asked) =>
  (Object.keys(overwrites) as Setting[]).map((setting) => {
    const off = overwrites[setting];
    const check = `kubernetes.${setting}`;
    if ((asked.kubernetes[setting] ?? off) === off) {
      return pass(check, `${setting} is off`);
    }
    const { level, means } = consequences[setting](asked);
    return {
      level,
      check,
      sentence: `${setting} is on: ${means}`,
      hint: `Set ${setting} = ${JSON.stringify(off)}.`,
    };
  });

/** The runner ignores labels in its own name space, and not annotations. */
export const ownMetadata: Check = ({ kubernetes }) => {
  const { pod_labels: labels = {}, pod_annotations: annotations = {} } = kubernetes;
  const findings: Finding[] = [];
  for (const key of Object.keys(annotations).filter((one) => runnerKey.test(one))) {
    findings.push(
      fail(
        'kubernetes.pod_annotations',
        `pod_annotations sets ${key}, in place of what GitLab Runner says there`,
        'Take it out: with trust.annotations it would be believed.',
      ),
    );
  }
  for (const key of Object.keys(labels).filter((one) => runnerKey.test(one))) {
    findings.push(
      warn(
        'kubernetes.pod_labels',
        `pod_labels sets ${key}, which GitLab Runner ignores`,
        'Take it out; nothing comes of it.',
      ),
    );
  }
  return findings;
};
