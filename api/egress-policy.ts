/**
 * `EgressPolicy`: who may reach what. One schema is the source of the CRD, of the TypeScript type and of
 * what `torwacht policy check` says.
 */
import * as z from 'zod';
import { metadataSchema } from './metadata.ts';
import { allowRuleSchema, denyRuleSchema } from './rule.ts';
import { apiVersion } from './version.ts';

/** GitLab's numeric project id, written as a string: ids are names here, nothing is computed from them. */
export const projectId = z
  .string()
  .min(1)
  .max(19)
  .regex(/^[1-9][0-9]*$/, { error: 'must be the numeric id of a GitLab project' });

const maxJobPattern = 255;

/** A job's name as in .gitlab-ci.yml; `*` stands for any characters, none included. */
export const jobPattern = z
  .string()
  .min(1)
  // As GitLab and the API server count: a character may be two units of a string here.
  .refine((text) => [...text].length <= maxJobPattern, {
    error: `must have at most ${maxJobPattern} characters`,
    params: { hint: 'Bring it into bounds.' },
  })
  .meta({ maxLength: maxJobPattern });

export const selectorSchema = z.strictObject({
  projects: z
    .array(projectId)
    .min(1)
    .max(256)
    .optional()
    .describe('Ids of GitLab projects; every project when omitted.'),
  jobs: z
    .array(jobPattern)
    .min(1)
    .max(128)
    .optional()
    .describe(
      'Names of jobs, where `*` stands for any characters; every job when omitted. Without ' +
        '`trust.jobNames` of the RunnerBinding only `deny` rules of such a policy hold.',
    ),
});
export type Selector = z.infer<typeof selectorSchema>;

const presetName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9-]+$/, { error: 'is no name of a preset' });

export const egressPolicySpecSchema = z.strictObject({
  selector: selectorSchema
    .optional()
    .describe('Whose egress this is about; every governed job of the namespace when omitted.'),
  presets: z
    .array(presetName)
    .max(64)
    .optional()
    .describe(
      'Names of presets whose rules are allowed too; `torwacht policy presets` lists them.',
    ),
  allow: z
    .array(allowRuleSchema)
    .max(256)
    .optional()
    .describe('What may be reached. Nothing else may.'),
  deny: z
    .array(denyRuleSchema)
    .max(256)
    .optional()
    .describe('What may not be reached, whatever any policy allows.'),
});
export type EgressPolicySpec = z.infer<typeof egressPolicySpecSchema>;

export const egressPolicySchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('EgressPolicy'),
  metadata: metadataSchema,
  spec: egressPolicySpecSchema,
  /** Written by the operator; ignored in files. */
  status: z.unknown().optional(),
});
export type EgressPolicy = z.infer<typeof egressPolicySchema>;
