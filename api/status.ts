/**
 * What the operator says about policies and bindings: is the last generation in force, on how many nodes,
 * and why not on the others. Every list is bounded; a count stands beside each that may be cut.
 */
import * as z from 'zod';
import { exceptionSchema } from './admission.ts';
import { conditionsSchema } from './condition.ts';
import { mapList, setList } from './list.ts';
import { objectName } from './metadata.ts';
import { byReference, digest, referenceSchema } from './reference.ts';

/** Names in a list that stands for many. */
export const maxExamples = 10;

const count = z.number().int().min(0);

export const nodeCountsSchema = z.strictObject({
  ready: count.describe('Ready nodes on which this generation is in force.'),
  total: count.describe('Ready nodes on which it has to be.'),
  notReady: count.describe('Nodes that are not Ready. They are not waited for, and not in total.'),
  summary: z.string().max(23).describe('`ready/total`, for the column of kubectl.'),
});
export type NodeCounts = z.infer<typeof nodeCountsSchema>;

const waitingSchema = z.strictObject({
  reason: z.string().min(1).max(128).describe('Why, in one word.'),
  message: z.string().max(1024).optional().describe('Why, in a sentence, as one of them says.'),
  count: count.describe('How many nodes say so.'),
  nodes: setList(objectName).max(maxExamples).describe('The first of them by name.'),
});
export type WaitingNodes = z.infer<typeof waitingSchema>;

const common = {
  observedGeneration: count
    .optional()
    .describe('Generation of this object that the operator has read.'),
  conditions: conditionsSchema.optional(),
  nodes: nodeCountsSchema.optional().describe('On how many nodes it is in force.'),
  waiting: mapList(waitingSchema, ['reason'])
    .max(16)
    .optional()
    .describe('Ready nodes on which this generation is not in force, by reason.'),
};

/** Of EgressPolicy and ClusterEgressPolicy. */
export const policyStatusSchema = z.strictObject({
  ...common,
  bindings: mapList(referenceSchema, byReference)
    .max(maxExamples)
    .optional()
    .describe('RunnerBindings whose pods this is about, the first by name. None: it holds nobody.'),
  bindingCount: count.optional().describe('How many RunnerBindings these are.'),
});
export type PolicyStatus = z.infer<typeof policyStatusSchema>;

export const runnerBindingStatusSchema = z.strictObject({
  ...common,
  bundle: z
    .strictObject({
      name: objectName.describe('The PolicyBundle that is its head.'),
      digest: digest.describe('What nodes have to hold.'),
    })
    .optional()
    .describe('What was compiled last.'),
  policyCount: count
    .optional()
    .describe('How many EgressPolicies and ClusterEgressPolicies are in it.'),
  conflicts: mapList(referenceSchema, byReference)
    .max(maxExamples)
    .optional()
    .describe('Other RunnerBindings that select pods of this one, the first by name.'),
  exceptions: z
    .array(exceptionSchema)
    .max(16)
    .optional()
    .describe('What admission lets into its pods all the same, each a way around enforcement.'),
});
export type RunnerBindingStatus = z.infer<typeof runnerBindingStatusSchema>;
