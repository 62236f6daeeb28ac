/** Who an object belongs to. */
import { apiVersionOf, type Resource } from '../client/resource.ts';
import { KubeError } from '../errors.ts';
import type { Key, KubeObject, OwnerReference } from './types.ts';

export interface OwnerOptions {
  /** The one owner that manages it; true unless told. */
  readonly controller?: boolean;
  /** Foreground deletion of the owner waits for it; true unless told. */
  readonly blockOwnerDeletion?: boolean;
}

/** For `metadata.ownerReferences`: deleted when the owner is. @throws KUBE_PERMANENT for one without a uid */
export function ownerReference(
  of: Resource,
  owner: KubeObject,
  { controller = true, blockOwnerDeletion = true }: OwnerOptions = {},
): OwnerReference {
  const { name, uid } = owner.metadata;
  if (uid === undefined) {
    throw new KubeError('KUBE_PERMANENT', `${of.kind} ${name} is not from the API: it has no uid.`);
  }
  return { apiVersion: apiVersionOf(of), kind: of.kind, name, uid, controller, blockOwnerDeletion };
}

/** Keys of the owners of that kind. @example kind.dependsOn(children, ownerKeys(parents)) */
export function ownerKeys(of: Resource): (object: KubeObject) => Key[] {
  return ({ metadata }) =>
    (metadata.ownerReferences ?? [])
      .filter(({ kind, apiVersion }) => kind === of.kind && groupOf(apiVersion) === of.group)
      .map(({ name }) => (of.namespaced ? `${metadata.namespace}/${name}` : name));
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}
