/**
 * `RunnerBinding`: which jobs are governed, how strictly, and what all of them need to work at all.
 */
import * as z from 'zod';
import { barrierSchema, exemptSchema, guardSchema } from './admission.ts';
import { alertsSchema } from './alerts.ts';
import { projectId } from './egress-policy.ts';
import { labelsSchema } from './label-selector.ts';
import { metadataSchema, namespaceName, objectName } from './metadata.ts';
import { apiVersion } from './version.ts';

export const modeSchema = z.enum(['Block', 'Observe']);

const bindingSelectorSchema = z.strictObject({
  namespaces: z
    .array(namespaceName)
    .min(1)
    .max(64)
    .optional()
    .describe("Namespaces whose pods are governed; the binding's own when omitted."),
  podLabels: labelsSchema
    .optional()
    .describe(
      'Labels that a pod must have, all of them; every pod when omitted. Whoever creates a pod ' +
        'chooses its labels, so this is no boundary against them.',
    ),
});

const runnerSchema = z.strictObject({
  serviceAccount: objectName.describe('Service account of the runner manager.'),
  namespace: namespaceName.optional().describe("Its namespace; the binding's own when omitted."),
});

const modeOverrideSchema = z.strictObject({
  projects: z.array(projectId).min(1).max(256).describe('Ids of GitLab projects.'),
  mode: modeSchema.describe('Mode for these projects, in place of the mode of the binding.'),
});

/** What a name or an address can be is for policy/ to say. */
const ascii = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[\x21-\x7e]*$/, { error: 'must be printable ASCII without spaces' });

const hostSchema = z.strictObject({
  host: ascii(253).describe('A name without wildcard, or an IPv4 address.'),
  port: z.number().int().min(1).max(65535).default(443).describe('TCP port; 443 when omitted.'),
});

export const gitlabSchema = z.strictObject({
  url: ascii(2048).describe(
    'Address of the GitLab instance, as in the configuration of the runner.',
  ),
  extraHosts: z
    .array(hostSchema)
    .max(32)
    .optional()
    .describe('Other hosts of the instance: container registry, object storage, Pages.'),
  private: z
    .boolean()
    .default(true)
    .describe('May these names point to private addresses? A self-managed instance often does.'),
});

const upstream = z
  .string()
  .min(7)
  .max(21)
  .regex(/^([0-9]{1,3}\.){3}[0-9]{1,3}(:[0-9]{1,5})?$/, {
    error: 'must be an IPv4 address, or an IPv4 address and a port',
  });

export const runnerBindingSpecSchema = z.strictObject({
  selector: bindingSelectorSchema
    .optional()
    .describe("Which pods are governed; every pod of the binding's namespace when omitted."),
  runners: z
    .array(runnerSchema)
    .max(32)
    .optional()
    .describe('Who may create runner pods; labels of other pods say nothing about their project.'),
  mode: modeSchema
    .default('Block')
    .describe('Block refuses; Observe records the same verdict and lets pass.'),
  modes: z
    .array(modeOverrideSchema)
    .max(64)
    .optional()
    .describe('Modes by project. A project that is named twice gets the stricter mode.'),
  gitlab: gitlabSchema.optional().describe('The GitLab instance that every job needs.'),
  dns: z
    .strictObject({
      upstreams: z
        .array(upstream)
        .min(1)
        .max(8)
        .describe(
          'Servers that allowed names are asked of, in order: `address` or `address:port`.',
        ),
    })
    .optional()
    .describe("Where names are resolved; the agent's own configuration when omitted."),
  trust: z
    .strictObject({
      jobNames: z
        .boolean()
        .default(false)
        .describe(
          'May `allow` hang on a job name? Whoever writes .gitlab-ci.yml chooses the name, so this ' +
            'tells jobs apart, not people.',
        ),
      annotations: z
        .boolean()
        .default(false)
        .describe(
          "Does the runner's configuration keep jobs from overwriting pod annotations? Only then do " +
            'annotations count.',
        ),
    })
    .optional()
    .describe('What jobs say about themselves and is believed; nothing when omitted.'),
  barrier: barrierSchema
    .optional()
    .describe(
      'What the first init container of every governed pod is, field by field. Without it, admission ' +
        'refuses all pods of a labelled namespace that are not exempt.',
    ),
  inject: z
    .boolean()
    .optional()
    .describe(
      'Put the barrier into pods that come without it? For runners whose configuration cannot be ' +
        'changed; the first of `barrier.images` must be an image then, and no prefix.',
    ),
  guard: guardSchema
    .optional()
    .describe(
      'What governed pods may have that could step around enforcement; little when omitted.',
    ),
  exempt: z
    .array(exemptSchema)
    .max(32)
    .optional()
    .describe(
      'Pods of a labelled namespace that are not governed, like the runner manager. They carry the label ' +
        '`torwacht.io/exempt: "true"`, by which the agent knows them; no other pod may.',
    ),
  alerts: alertsSchema
    .optional()
    .describe('Whom refusals are told to; nobody when omitted. Nodes do not get to know it.'),
});
export type RunnerBindingSpec = z.infer<typeof runnerBindingSpecSchema>;

export const runnerBindingSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('RunnerBinding'),
  metadata: metadataSchema,
  spec: runnerBindingSpecSchema,
  /** Written by the operator; ignored in files. */
  status: z.unknown().optional(),
});
export type RunnerBinding = z.infer<typeof runnerBindingSchema>;
