import type { KubeObject } from '../objects/types.ts';

/** Without what only the API server needs; often half of an object. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
