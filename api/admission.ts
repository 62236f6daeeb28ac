/**
 * What admission holds pods to: the fields of a `RunnerBinding` that say what the barrier looks like, what
 * a pod may have beside it, and who is let through without. webhook/ reads them, and so does the
 * ValidatingAdmissionPolicy, which has them as its parameters.
 */
import * as z from 'zod';
import { projectId } from './egress-policy.ts';
import { objectName } from './metadata.ts';

/** The Pod Security Standards' baseline without NET_RAW: what containers have anyway. */
export const baselineCapabilities = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
] as const;

/** Capabilities that a binding can allow by name; what steps around enforcement needs an exception. */
const grantableCapabilities = [
  ...baselineCapabilities,
  'IPC_LOCK',
  'IPC_OWNER',
  'LEASE',
  'NET_RAW',
  'SYS_NICE',
  'SYS_PTRACE',
  'SYS_RESOURCE',
] as const;

/** An image by digest or tag, or with a last `*` everything below a repository, its tags or its digests. */
const imagePattern = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*([/:@]\*)?$/, {
    error: 'must be an image, or a prefix of images that ends with :*, @* or /*',
  });

const word = z.string().max(1024);

const envSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be the name of a variable' })
    .describe('Name of the variable.'),
  value: word.default('').describe('Its value.'),
});

/** The fields that docs/barrier.md gives the container, as a runner's patch writes them. */
const barrierSecurity = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
} as const;

const userId = z.number().int().min(1).max(2_147_483_647);

const barrierSecuritySchema = z.strictObject({
  runAsNonRoot: z.literal(true).describe('The barrier never runs as root.'),
  runAsUser: userId.optional().describe('Its user.'),
  runAsGroup: userId.optional().describe('Its group.'),
  allowPrivilegeEscalation: z.literal(false).describe('It gains no rights.'),
  readOnlyRootFilesystem: z.literal(true).describe('It writes nothing.'),
  capabilities: z
    .strictObject({
      drop: z.array(z.literal('ALL')).length(1).describe('All of them.'),
    })
    .describe('It needs none.'),
  seccompProfile: z
    .strictObject({ type: z.literal('RuntimeDefault').describe("The container runtime's.") })
    .optional()
    .describe('Its profile; none of its own when omitted.'),
});

export const barrierSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, { error: 'must be the name of a container' })
    .default('torwacht-barrier')
    .describe('Name of the first init container.'),
  images: z
    .array(imagePattern)
    .min(1)
    .max(8)
    .describe(
      'Images that it may have: an image exactly as the pod writes it, best by digest, or a prefix that ' +
        'ends with `:*`, `@*` or `/*`. Whoever can push below a prefix can replace the barrier.',
    ),
  command: z
    .array(word)
    .min(1)
    .max(16)
    .optional()
    .describe("Its command, word by word; the image's own when omitted."),
  args: z
    .array(word)
    .min(1)
    .max(16)
    .optional()
    .describe("Its arguments, word by word; the image's own when omitted."),
  env: z
    .array(envSchema)
    .min(1)
    .max(16)
    .optional()
    .describe('Its variables, in this order; none when omitted.'),
  securityContext: barrierSecuritySchema
    .default({ ...barrierSecurity, capabilities: { drop: ['ALL'] } })
    .describe('Its security context, field by field.'),
});
export type Barrier = z.infer<typeof barrierSchema>;

/** What an exception lets through, and the words that people read about it. */
export const exceptionKinds = {
  Privileged: 'privileged containers and unmasked /proc',
  HostNetwork: "the node's network",
  HostPID: "the node's processes",
  HostIPC: "the node's shared memory and semaphores",
  ShareProcessNamespace: 'one process namespace for the barrier and the job',
  AnyCapability: 'any capability',
  AnySeccomp: 'any seccomp profile, or none',
  AnyHostPath: 'any folder of the node',
  AnyVolume: 'volumes that the node mounts over the network',
  NodeRequests: 'requests that the node sends for the pod',
} as const;
export type ExceptionKind = keyof typeof exceptionKinds;

export const exceptionSchema = z.strictObject({
  allow: z
    .enum(Object.keys(exceptionKinds) as [ExceptionKind, ...ExceptionKind[]])
    .describe('What is let through.'),
  reason: z
    .string()
    .min(8)
    .max(256)
    .describe('Why, for whoever reads the status of the binding later.'),
  projects: z
    .array(projectId)
    .min(1)
    .max(64)
    .optional()
    .describe('Only in runner pods of these projects; in every pod when omitted.'),
});

const profilePath = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, {
    error: 'must be a path below the kubelet’s seccomp folder',
  });

const hostPath = z
  .string()
  .min(2)
  .max(255)
  .regex(/^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/, {
    error: 'must be an absolute path without empty parts, "." or ".."',
  });

export const guardSchema = z.strictObject({
  capabilities: z
    .array(z.enum(grantableCapabilities))
    .max(32)
    .optional()
    .describe(
      "Capabilities that containers may add; the Pod Security Standards' baseline when omitted. " +
        'Every container must drop NET_RAW or ALL unless NET_RAW is named here.',
    ),
  runtimeClasses: z
    .array(objectName)
    .max(16)
    .optional()
    .describe("Runtime classes that pods may name; none but the node's own when omitted."),
  seccompProfiles: z
    .array(profilePath)
    .max(16)
    .optional()
    .describe("Profiles on the node that pods may have in place of the container runtime's own."),
  seccompByDefault: z
    .boolean()
    .optional()
    .describe(
      'Do all kubelets run with `seccompDefault`? Only then a pod may be without a profile of its own.',
    ),
  hostPaths: z
    .array(hostPath)
    .max(32)
    .optional()
    .describe(
      'Folders of the node that pods may mount, and what is below them; none when omitted.',
    ),
  exec: z
    .enum(['Anyone', 'Runners'])
    .optional()
    .describe(
      'Who may run further commands in these pods (exec and attach), of those whom RBAC lets: `Anyone`, ' +
        'which is the default, or `Runners` alone.',
    ),
  exceptions: z
    .array(exceptionSchema)
    .max(16)
    .optional()
    .describe('What is let through all the same. Each opens a way around enforcement.'),
});
export type Guard = z.infer<typeof guardSchema>;

/** The names of what is registered with API servers: the webhook keeps its authority current in these. */
export const webhookConfigurations = {
  validating: ['torwacht-pods', 'torwacht-objects'],
  mutating: ['torwacht-inject'],
} as const;

/**
 * A pod with this label and the value `true` is not held by the agent, under a binding that exempts any.
 * Admission lets only pods have it that the binding does exempt.
 */
export const exemptLabel = 'torwacht.io/exempt';

export const controllerKinds = [
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
] as const;

export const exemptSchema = z.strictObject({
  serviceAccount: objectName.describe('Service account that the pod runs as.'),
  controller: z
    .strictObject({
      kind: z.enum(controllerKinds).describe('Kind of the workload.'),
      name: objectName.describe('Its name.'),
    })
    .describe(
      'Workload whose pods these are. They are made by a controller of Kubernetes: a pod that somebody ' +
        'makes in its name is governed.',
    ),
});
export type Exempt = z.infer<typeof exemptSchema>;
