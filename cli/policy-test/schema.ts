/** `PolicyTest`: what policies are to allow and to deny, and for whom. A file of ours; never sent to a cluster. */
import * as z from 'zod';
import { projectId } from '#api/egress-policy.ts';
import { reasons } from '#api/event.ts';
import { labelsSchema } from '#api/label-selector.ts';
import { namespaceName } from '#api/metadata.ts';
import { modeSchema } from '#api/runner-binding.ts';
import { apiVersion } from '#api/version.ts';
import { destinationProtocols } from '#policy/destination.ts';

const text = z.string().min(1).max(1024);

const whoSchema = z.strictObject({
  namespace: namespaceName.optional(),
  namespaceLabels: labelsSchema.optional(),
  project: projectId.optional(),
  job: text.optional(),
  ref: text.optional(),
  labels: labelsSchema.optional(),
});
export type Who = z.infer<typeof whoSchema>;

/** What stands behind `allow:` or `deny:` where a destination alone does not say enough. */
export const detailSchema = z.strictObject({
  to: text,
  process: text.optional(),
  protocol: z.enum(Object.keys(destinationProtocols) as ['tcp', 'udp', 'icmp']).optional(),
  rule: text.optional(),
  reason: z.enum(reasons).optional(),
});
export type Detail = z.infer<typeof detailSchema>;

const testSchema = z.strictObject({
  name: text,
  who: whoSchema.optional(),
  mode: modeSchema.optional(),
  /** `allow` or `deny`, and a text or a `Detail`: read.ts says so in words. */
  expect: z.array(z.record(z.string(), z.unknown())).min(1).max(1000),
});

export const policyTestSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('PolicyTest'),
  metadata: z.strictObject({ name: text }).optional(),
  spec: z.strictObject({
    policies: z.array(text).min(1).max(64),
    who: whoSchema.optional(),
    tests: z.array(testSchema).min(1).max(1000),
  }),
});
