/**
 * A pod as far as the check looks at it. Everything else of it passes unseen: the API server knows more
 * fields than any list of ours. Shapes are proven here once, so that no rule meets a string in a list's place.
 */
import * as z from 'zod';

const text = z.string();
const words = z.array(text);
const map = z.record(text, text);

const seccompSchema = z.looseObject({ type: text, localhostProfile: text.optional() });

const securitySchema = z.looseObject({
  privileged: z.boolean().optional(),
  procMount: text.optional(),
  capabilities: z.looseObject({ add: words.optional(), drop: words.optional() }).optional(),
  seccompProfile: seccompSchema.optional(),
});

const requestSchema = z.looseObject({ host: text.optional() });
const handlerSchema = z.looseObject({
  httpGet: requestSchema.optional(),
  tcpSocket: requestSchema.optional(),
});

const mountSchema = z.looseObject({
  name: text,
  mountPath: text,
  readOnly: z.boolean().optional(),
});

const envSchema = z.looseObject({ name: text, value: text.optional() });

const containerSchema = z.looseObject({
  name: text,
  image: text.optional(),
  command: words.optional(),
  args: words.optional(),
  env: z.array(envSchema).optional(),
  resources: z.looseObject({ claims: z.array(z.unknown()).optional() }).optional(),
  volumeMounts: z.array(mountSchema).optional(),
  securityContext: securitySchema.optional(),
  livenessProbe: handlerSchema.optional(),
  readinessProbe: handlerSchema.optional(),
  startupProbe: handlerSchema.optional(),
  lifecycle: z
    .looseObject({ postStart: handlerSchema.optional(), preStop: handlerSchema.optional() })
    .optional(),
  terminationMessagePath: text.optional(),
});
export type Container = z.infer<typeof containerSchema>;

const volumeSchema = z.looseObject({
  name: text,
  hostPath: z.looseObject({ path: text }).optional(),
});

const ownerSchema = z.looseObject({
  apiVersion: text,
  kind: text,
  name: text,
  controller: z.boolean().optional(),
});
export type Owner = z.infer<typeof ownerSchema>;

export const podSchema = z.looseObject({
  metadata: z.looseObject({
    name: text.optional(),
    generateName: text.optional(),
    namespace: text.optional(),
    labels: map.optional(),
    annotations: map.optional(),
    ownerReferences: z.array(ownerSchema).optional(),
  }),
  spec: z.looseObject({
    initContainers: z.array(containerSchema).optional(),
    containers: z.array(containerSchema),
    ephemeralContainers: z.array(containerSchema).optional(),
    volumes: z.array(volumeSchema).optional(),
    serviceAccountName: text.optional(),
    runtimeClassName: text.optional(),
    hostNetwork: z.boolean().optional(),
    hostPID: z.boolean().optional(),
    hostIPC: z.boolean().optional(),
    shareProcessNamespace: z.boolean().optional(),
    os: z.looseObject({ name: text }).optional(),
    securityContext: z.looseObject({ seccompProfile: seccompSchema.optional() }).optional(),
  }),
});
export type Pod = z.infer<typeof podSchema>;
