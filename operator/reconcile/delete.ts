import { type Client, isKubeError, type KubeObject, type Resource } from '#kube/index.ts';

/** Deletes just this object: not one that was made anew under its name, and not twice. */
export async function deleteExactly<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  { metadata }: KubeObject,
): Promise<void> {
  const { name, namespace, uid } = metadata;
  try {
    await client.delete(of, { name, namespace }, uid === undefined ? {} : { uid });
  } catch (error) {
    if (!isKubeError(error, 'KUBE_NOT_FOUND', 'KUBE_CONFLICT')) throw error;
  }
}
