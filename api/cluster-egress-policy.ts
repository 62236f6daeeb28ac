/**
 * `ClusterEgressPolicy`: what the platform says above all namespaces. Its `deny` is final, and its
 * `ceiling` is the most that policies of namespaces can allow.
 */
import * as z from 'zod';
import { egressPolicySpecSchema } from './egress-policy.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { clusterMetadataSchema } from './metadata.ts';
import { apiVersion } from './version.ts';

const { selector, presets, allow, deny } = egressPolicySpecSchema.shape;

const ceilingSchema = z.strictObject({
  presets: presets.describe('Names of presets whose rules may be allowed.'),
  allow: allow.describe(
    'What may be allowed. Omitted ports mean TCP 443 here as well; names and prefixes below one of ' +
      'these are within it.',
  ),
});

export const clusterEgressPolicySpecSchema = z.strictObject({
  namespaceSelector: labelSelectorSchema
    .optional()
    .describe('Labels of the namespaces that this is about; every namespace when omitted.'),
  selector: selector.describe(
    'Whose egress in these namespaces this is about; every governed job when omitted.',
  ),
  presets,
  allow: allow.describe('What may be reached, as well as what policies of namespaces allow.'),
  deny: deny.describe('What may not be reached, whatever any policy allows. This is final.'),
  ceiling: ceilingSchema
    .optional()
    .describe(
      'The most that an EgressPolicy may allow in these namespaces; what it allows beyond is not in ' +
        'force. Without a ceiling there is no such bound; one that is empty lets them allow nothing. ' +
        'Where several apply, what is within all of them holds. It bounds neither cluster policies nor ' +
        'what the GitLab instance of a RunnerBinding needs.',
    ),
});
export type ClusterEgressPolicySpec = z.infer<typeof clusterEgressPolicySpecSchema>;

export const clusterEgressPolicySchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('ClusterEgressPolicy'),
  metadata: clusterMetadataSchema,
  spec: clusterEgressPolicySpecSchema,
  status: z.unknown().optional(),
});
export type ClusterEgressPolicy = z.infer<typeof clusterEgressPolicySchema>;
