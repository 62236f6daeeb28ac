/** Shapes of the chart's values that stand in more than one place of it. */
import * as z from 'zod';

export const text = (value: string, meaning: string) => z.string().default(value).describe(meaning);
export const flag = (value: boolean, meaning: string) =>
  z.boolean().default(value).describe(meaning);
export const whole = (
  value: number,
  range: readonly [least: number, most: number],
  meaning: string,
) => z.int().min(range[0]).max(range[1]).default(value).describe(meaning);
export const choice = <const T extends readonly string[]>(
  words: T,
  value: T[number],
  meaning: string,
) => z.enum(words).default(value).describe(meaning);
export const words = (meaning: string, value: string[] = []) =>
  z.array(z.string().min(1)).default(value).describe(meaning);
export const labels = (meaning: string, value: Record<string, string> = {}) =>
  z.record(z.string(), z.string()).default(value).describe(meaning);

const quantity = z.union([z.string().min(1), z.number()]);
type Quantities = Record<string, string | number>;
export const resources = (value: { requests: Quantities; limits: Quantities }) =>
  z
    .strictObject({
      requests: z.record(z.string(), quantity).optional(),
      limits: z.record(z.string(), quantity).optional(),
    })
    .default(value)
    .describe('What the container asks for, and what it may have.');

export const image = (repository: string) =>
  z
    .strictObject({
      repository: z
        .string()
        .min(1)
        .default(repository)
        .describe('Its name below `image.registry`, without tag.'),
      tag: text('', 'Its tag; the version of this chart when empty.'),
      digest: text(
        '',
        '`sha256:` and 64 hexadecimal digits: the image by its content. The tag is then not used.',
      ),
    })
    .describe('Which image.');

export const tolerations = (value: object[]) =>
  z
    .array(
      z.strictObject({
        key: z.string().optional(),
        operator: z.enum(['Exists', 'Equal']).optional(),
        value: z.string().optional(),
        effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
        tolerationSeconds: z.int().optional(),
      }),
    )
    .default(value)
    .describe('Taints that it puts up with.');

export const egress = (meaning: string) =>
  z
    .array(
      z.strictObject({
        to: z
          .array(
            z.strictObject({
              ipBlock: z.record(z.string(), z.unknown()).optional(),
              namespaceSelector: z.record(z.string(), z.unknown()).optional(),
              podSelector: z.record(z.string(), z.unknown()).optional(),
            }),
          )
          .min(1)
          .optional(),
        ports: z
          .array(
            z.strictObject({
              port: z.union([z.int().min(1).max(65_535), z.string().min(1)]),
              endPort: z.int().min(1).max(65_535).optional(),
              protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
            }),
          )
          .min(1)
          .optional(),
      }),
    )
    .default([])
    .describe(meaning);

export const affinity = z.record(z.string(), z.unknown()).default({}).describe('As in a pod.');

export const podFields = {
  labels: labels('More labels of its pods.'),
  annotations: labels('Annotations of its pods.'),
};

export const deployment = (what: {
  readonly name: string;
  readonly cpu: string;
  readonly memory: string;
  readonly limit: string;
}) => ({
  replicas: whole(2, [1, 9], 'How many there are.'),
  image: image(`torwacht-${what.name}`),
  resources: resources({
    requests: { cpu: what.cpu, memory: what.memory },
    limits: { memory: what.limit },
  }),
  priorityClassName: text(
    'system-cluster-critical',
    'Where `priorityClasses.create` is false. Empty: none.',
  ),
  nodeSelector: labels('Labels of nodes that it may be on.'),
  tolerations: tolerations([]),
  affinity,
  topologySpread: flag(true, 'Spreads its replicas over nodes.'),
  podDisruptionBudget: flag(true, 'Only one replica at a time is away for maintenance.'),
  pod: z.strictObject(podFields).describe('Its pods.'),
});
