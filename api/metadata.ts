/**
 * `metadata` of a document. People write four of its fields; the rest is what the API server adds, and is
 * accepted so that the output of `kubectl get -o yaml` can be used as a file.
 */
import * as z from 'zod';

/** RFC 1123 subdomain, as Kubernetes demands of object names. */
export const objectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, {
    error:
      'must be lower-case letters, digits, "-" and ".", and begin and end with a letter or digit',
  });

/** RFC 1123 label, as Kubernetes demands of namespaces. */
export const namespaceName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, {
    error: 'must be lower-case letters, digits and "-", and begin and end with a letter or digit',
  });

const serverField = z.unknown().optional();

export const metadataSchema = z.strictObject({
  name: objectName.describe('Name of the object, unique for its kind in its namespace.'),
  namespace: namespaceName
    .optional()
    .describe('Namespace of the object; `default` when it is omitted.'),
  labels: z.record(z.string().max(317), z.string().max(63)).optional(),
  annotations: z.record(z.string().max(317), z.string()).optional(),
  uid: serverField,
  resourceVersion: serverField,
  generation: serverField,
  creationTimestamp: serverField,
  deletionTimestamp: serverField,
  deletionGracePeriodSeconds: serverField,
  finalizers: serverField,
  managedFields: serverField,
  ownerReferences: serverField,
  selfLink: serverField,
});
export type Metadata = z.infer<typeof metadataSchema>;

/** Of kinds that stand above all namespaces. */
export const clusterMetadataSchema = metadataSchema
  .omit({ namespace: true })
  .extend({ name: objectName.describe('Name of the object, unique for its kind.') });
