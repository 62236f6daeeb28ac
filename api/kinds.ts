/** Every kind of the group, as its CustomResourceDefinition says it: names, scope, schemas, columns. */
import type * as z from 'zod';
import { clusterEgressPolicySchema } from './cluster-egress-policy.ts';
import { egressPolicySchema } from './egress-policy.ts';
import { nodeAgentSchema, nodeAgentStatusSchema } from './node-agent.ts';
import { policyBundleSchema } from './policy-bundle.ts';
import { runnerBindingSchema } from './runner-binding.ts';
import { policyStatusSchema, runnerBindingStatusSchema } from './status.ts';
import { violationSchema } from './violation.ts';

/** Of `kubectl get`; those with priority 1 only with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly path: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly description: string;
  readonly priority?: 1;
}

export interface KindDefinition {
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly description: string;
  /** Of the whole document. */
  readonly schema: z.ZodObject;
  /** Where the kind has a status, which is then written by itself. */
  readonly status?: z.ZodObject;
  readonly columns: readonly Column[];
}

const age: Column = {
  name: 'Age',
  path: '.metadata.creationTimestamp',
  type: 'date',
  description: 'How long the object exists.',
};

/** Is it in force, and if not, why? */
const ready: readonly Column[] = [
  {
    name: 'Ready',
    path: '.status.conditions[?(@.type=="Ready")].status',
    type: 'string',
    description: 'Is the last generation in force on every ready node?',
  },
  {
    name: 'Reason',
    path: '.status.conditions[?(@.type=="Ready")].reason',
    type: 'string',
    description: 'Why, in one word.',
  },
];

const message: Column = {
  name: 'Message',
  path: '.status.conditions[?(@.type=="Ready")].message',
  type: 'string',
  description: 'Why, in a sentence.',
  priority: 1,
};

const nodes: readonly Column[] = [
  {
    name: 'Nodes',
    path: '.status.nodes.summary',
    type: 'string',
    description: 'Ready nodes that hold it, of those that have to.',
  },
  {
    name: 'Not-Ready',
    path: '.status.nodes.notReady',
    type: 'integer',
    description: 'Nodes that are not Ready, which nobody waits for.',
    priority: 1,
  },
];

const policyColumns: readonly Column[] = [
  ...ready,
  ...nodes,
  {
    name: 'Bindings',
    path: '.status.bindingCount',
    type: 'integer',
    description: 'RunnerBindings whose pods it is about.',
    priority: 1,
  },
  message,
  age,
];

/** Who tried what, and how often? The rest, what else to know of it, is for `-o wide`. */
const violationColumns: readonly Column[] = [
  { name: 'Job', path: '.spec.job', type: 'string', description: 'Name of the job.' },
  { name: 'Project', path: '.spec.project', type: 'string', description: 'Id of the project.' },
  { name: 'Process', path: '.spec.process', type: 'string', description: 'Which process.' },
  {
    name: 'Action',
    path: '.spec.action',
    type: 'string',
    description: 'Refused (block), or only observed.',
  },
  {
    name: 'Destination',
    path: '.spec.destination',
    type: 'string',
    description: 'Where it wanted to: a name, or an address without one.',
  },
  { name: 'Port', path: '.spec.port', type: 'integer', description: 'The port; not of a lookup.' },
  { name: 'Count', path: '.spec.count', type: 'integer', description: 'How often.' },
  { name: 'Last Seen', path: '.spec.lastSeen', type: 'date', description: 'How long ago.' },
  {
    name: 'Parent',
    path: '.spec.parent',
    type: 'string',
    description: 'Its parent process.',
    priority: 1,
  },
  {
    name: 'Reason',
    path: '.spec.reason',
    type: 'string',
    description: 'Why, in one word.',
    priority: 1,
  },
  {
    name: 'Rule',
    path: '.spec.rule',
    type: 'string',
    description: 'The rule that decided.',
    priority: 1,
  },
  {
    name: 'First Seen',
    path: '.spec.firstSeen',
    type: 'date',
    description: 'How long ago it began.',
    priority: 1,
  },
  {
    name: 'Pod',
    path: '.spec.pods[0].name',
    type: 'string',
    description: 'The last pod that did so.',
    priority: 1,
  },
];

export const kindDefinitions: readonly KindDefinition[] = [
  {
    kind: 'EgressPolicy',
    plural: 'egresspolicies',
    shortName: 'egp',
    scope: 'Namespaced',
    description: 'Who may reach what: names and prefixes that jobs of this namespace may talk to.',
    schema: egressPolicySchema,
    status: policyStatusSchema,
    columns: policyColumns,
  },
  {
    kind: 'ClusterEgressPolicy',
    plural: 'clusteregresspolicies',
    shortName: 'cegp',
    scope: 'Cluster',
    description:
      'What the platform says above all namespaces: a final deny, and the most that their policies may allow.',
    schema: clusterEgressPolicySchema,
    status: policyStatusSchema,
    columns: policyColumns,
  },
  {
    kind: 'RunnerBinding',
    plural: 'runnerbindings',
    shortName: 'rb',
    scope: 'Namespaced',
    description: 'Which pods are governed, how strictly, and what all of their jobs need.',
    schema: runnerBindingSchema,
    status: runnerBindingStatusSchema,
    columns: [
      { name: 'Mode', path: '.spec.mode', type: 'string', description: 'Block or Observe.' },
      ...ready,
      ...nodes,
      {
        name: 'Policies',
        path: '.status.policyCount',
        type: 'integer',
        description: 'Policies that hold for its pods.',
      },
      message,
      age,
    ],
  },
  {
    kind: 'PolicyBundle',
    plural: 'policybundles',
    shortName: 'pb',
    scope: 'Cluster',
    description:
      'What agents hold, written by the operator: the head of a RunnerBinding, or a piece.',
    schema: policyBundleSchema,
    columns: [
      {
        name: 'Binding-Namespace',
        path: '.spec.head.binding.namespace',
        type: 'string',
        description: 'Namespace of the RunnerBinding; empty for a piece.',
      },
      {
        name: 'Binding',
        path: '.spec.head.binding.name',
        type: 'string',
        description: 'The RunnerBinding; empty for a piece.',
      },
      {
        name: 'Policies',
        path: '.spec.head.policies',
        type: 'integer',
        description: 'Policies that are in its pieces.',
      },
      {
        name: 'Digest',
        path: '.spec.head.digest',
        type: 'string',
        description: 'What nodes say that they hold.',
        priority: 1,
      },
      age,
    ],
  },
  {
    kind: 'NodeAgent',
    plural: 'nodeagents',
    shortName: 'na',
    scope: 'Cluster',
    description:
      'What the agent of one node must hold (spec, by the operator) and holds (status, by that agent).',
    schema: nodeAgentSchema,
    status: nodeAgentStatusSchema,
    columns: [
      ...ready,
      {
        name: 'Pods',
        path: '.status.pods.enforced',
        type: 'integer',
        description: 'Pods whose egress is held.',
      },
      {
        name: 'Failed',
        path: '.status.pods.failed',
        type: 'integer',
        description: 'Governed pods that could not be held.',
      },
      {
        name: 'Kernel',
        path: '.status.kernel',
        type: 'string',
        description: 'Release of the kernel.',
        priority: 1,
      },
      {
        name: 'Version',
        path: '.status.version',
        type: 'string',
        description: 'Version of the agent.',
        priority: 1,
      },
      message,
      age,
    ],
  },
  {
    kind: 'Violation',
    plural: 'violations',
    shortName: 'vio',
    scope: 'Namespaced',
    description:
      'What one process of one job tried to reach, which rule refused it, and how often. Written by the operator; gone when it is old.',
    schema: violationSchema,
    columns: violationColumns,
  },
];
