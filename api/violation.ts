/**
 * `Violation`: what one process of one job tried, and which rule refused it; one row for each (project, job, process,
 * destination, rule) of a namespace. Written by the operator alone, from rows of agents. Texts are those of rows:
 * escaped, masked, and cut to what stands here.
 */
import * as z from 'zod';
import { metadataSchema, objectName } from './metadata.ts';
import { apiVersion } from './version.ts';

/** Of each text, characters. */
export const longest = {
  project: 64,
  job: 128,
  process: 64,
  path: 256,
  arguments: 256,
  destination: 256,
  rule: 384,
  url: 1024,
  pod: 253,
} as const;

/** Entries of lists that stand for more. */
export const maxPods = 10;
export const maxAncestors = 8;
export const maxExamples = 10;
export const maxMerged = 64;

/** Stands for what differs between the rows that were folded. */
export const SEVERAL = '(several)';

const text = (most: number) => z.string().max(most);
const count = z.number().int().min(0);
/** So that kubectl shows an age. */
const time = z.iso.datetime({ offset: true });

const podSchema = z.strictObject({
  name: text(longest.pod).describe('The pod.'),
  container: text(longest.pod).optional().describe('Its container in which the process was.'),
  node: objectName.describe('The node whose agent saw it.'),
});

const foldedSchema = z.strictObject({
  rows: count.describe('How many rows of agents are counted in this one.'),
  jobs: z
    .array(text(longest.project + longest.job + 1))
    .max(maxExamples)
    .describe('The first of their jobs, as project/job.'),
  processes: z
    .array(text(longest.process))
    .max(maxExamples)
    .describe('The first of their processes.'),
  destinations: z
    .array(text(longest.destination + 6))
    .max(maxExamples)
    .describe('The first places that they tried to reach.'),
});

export const violationSpecSchema = z.strictObject({
  project: text(longest.project)
    .optional()
    .describe('Id of the GitLab project; nobody knows it when omitted.'),
  job: text(longest.job).optional().describe('Name of the job; nobody knows it when omitted.'),
  url: text(longest.url).optional().describe('The page of the job, the last time.'),
  process: text(longest.process)
    .optional()
    .describe('Name of the process; no hook saw who it was when omitted.'),
  parent: text(longest.process).optional().describe('Name of its parent.'),
  executable: text(longest.path).optional().describe('What it executed.'),
  arguments: text(longest.arguments).optional().describe('Its arguments, the last time.'),
  ancestry: z
    .array(text(longest.process))
    .max(maxAncestors)
    .optional()
    .describe('Names of its ancestors within the pod, the oldest first, the last time.'),
  action: z
    .enum(['block', 'observe', 'several'])
    .describe('`block`: refused. `observe`: let pass; Block would have refused it.'),
  destination: text(longest.destination).describe(
    'Where to: the name, or the address without one.',
  ),
  address: text(64).optional().describe('The address, the last time.'),
  port: z.number().int().min(0).max(65535).optional().describe('The port; a lookup has none.'),
  protocol: text(8).optional().describe('tcp, udp, icmp or other; a lookup has none.'),
  reason: text(32).describe('Why, in one word; docs/events.md lists them.'),
  rule: text(longest.rule).describe('The rule that decided, `default`, or `always denied`.'),
  policy: text(longest.rule).optional().describe('`namespace/name` of the policy of the rule.'),
  count: count.describe('How often.'),
  firstSeen: time.describe('When it happened first.'),
  lastSeen: time.describe('When it happened last.'),
  pods: z.array(podSchema).max(maxPods).describe('The last pods that did so, the newest first.'),
  folded: foldedSchema
    .optional()
    .describe('What is counted here because the namespace or a job of it has too many rows.'),
  merged: z
    .array(text(40))
    .max(maxMerged)
    .optional()
    .describe('Up to which row of which agent the count goes, so that none counts twice.'),
});
export type ViolationSpec = z.infer<typeof violationSpecSchema>;

export const violationSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Violation'),
  metadata: metadataSchema,
  spec: violationSpecSchema,
});
export type Violation = z.infer<typeof violationSchema>;
