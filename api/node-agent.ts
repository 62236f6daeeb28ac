/**
 * `NodeAgent`: one for each node, with the node's name. The operator writes what the node must hold, the
 * agent of that node what it holds. The spec names heads and no contents, so it changes only when bindings
 * come and go; the agent finds out by the head that a policy has changed.
 */
import * as z from 'zod';
import { conditionsSchema } from './condition.ts';
import { wholeList } from './list.ts';
import { clusterMetadataSchema, objectName } from './metadata.ts';
import { byReference, digest, referenceFields } from './reference.ts';
import { apiVersion } from './version.ts';

export const maxBindings = 256;

/** On a NodeAgent, at an uninstall: once its node holds nobody, its agent removes what is pinned there. */
export const leaveAnnotation = 'torwacht.io/leave';
/** Reason of its condition Ready from then on. */
export const leftReason = 'Left';

const count = z.number().int().min(0);

const assignedSchema = z.strictObject({
  ...referenceFields,
  bundle: objectName.describe('The PolicyBundle that is its head.'),
});

export const nodeAgentSpecSchema = z.strictObject({
  bindings: wholeList(assignedSchema, byReference)
    .max(maxBindings)
    .optional()
    .describe('The RunnerBindings that the node must hold; none when omitted.'),
});
export type NodeAgentSpec = z.infer<typeof nodeAgentSpecSchema>;

const heldSchema = z.strictObject({
  ...referenceFields,
  digest: digest.optional().describe('Digest of the head that is in force; none yet when omitted.'),
  generation: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Generation of the RunnerBinding that is in force.'),
  reason: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/, { error: 'must be a word in CamelCase' })
    .optional()
    .describe(
      'Why the head that is there now is not in force, in one word; nothing is wrong when omitted.',
    ),
  message: z.string().max(1024).optional().describe('The same in a sentence.'),
});
export type HeldBinding = z.infer<typeof heldSchema>;

const capabilitySchema = z.strictObject({
  name: z.string().min(1).max(63).describe('What it is.'),
  available: z.boolean().describe('Whether the node has it.'),
  message: z.string().max(1024).optional().describe('Why not, and what that means.'),
});
export type Capability = z.infer<typeof capabilitySchema>;

export const nodeAgentStatusSchema = z.strictObject({
  observedGeneration: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('Generation of this object that the agent has read.'),
  conditions: conditionsSchema.optional(),
  version: z.string().max(63).optional().describe('Version of the agent.'),
  kernel: z.string().max(128).optional().describe('Release of the kernel.'),
  capabilities: wholeList(capabilitySchema, ['name'])
    .max(64)
    .optional()
    .describe('What kernel and node offer to enforcement.'),
  bindings: wholeList(heldSchema, byReference)
    .max(maxBindings)
    .optional()
    .describe('What the node holds, one entry for each binding of the spec.'),
  pods: z
    .strictObject({
      enforced: count.describe('Pods whose egress is held.'),
      failed: count.describe('Governed pods that could not be held; their jobs do not start.'),
    })
    .optional()
    .describe('Pods of the node, counted.'),
});
export type NodeAgentStatus = z.infer<typeof nodeAgentStatusSchema>;

export const nodeAgentSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('NodeAgent'),
  metadata: clusterMetadataSchema,
  spec: nodeAgentSpecSchema,
  status: z.unknown().optional(),
});
export type NodeAgent = z.infer<typeof nodeAgentSchema>;
