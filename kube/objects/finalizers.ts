/** Finalizers, one by one: those of others stay as they are. */
import type { Resource } from '../client/resource.ts';
import type { Client } from '../client/types.ts';
import { isKubeError } from '../errors.ts';
import type { KubeObject } from './types.ts';

const tries = 5;

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) === true;
}

/** Gives the object as it is now; undefined when it is gone. Adds none to what is being deleted. */
export function addFinalizer<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  object: T,
  finalizer: string,
): Promise<T | undefined> {
  return change(client, of, object, ({ metadata }) => {
    const { finalizers = [], deletionTimestamp } = metadata;
    if (deletionTimestamp !== undefined || finalizers.includes(finalizer)) return undefined;
    return [...finalizers, finalizer];
  });
}

export function removeFinalizer<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  object: T,
  finalizer: string,
): Promise<T | undefined> {
  return change(client, of, object, ({ metadata }) => {
    const { finalizers = [] } = metadata;
    if (!finalizers.includes(finalizer)) return undefined;
    return finalizers.filter((one) => one !== finalizer);
  });
}

/** The whole list is written, so only onto the version that it was made from. */
async function change<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  object: T,
  next: (object: T) => readonly string[] | undefined,
): Promise<T | undefined> {
  let current: T | undefined = object;
  for (let attempt = 1; current !== undefined; attempt += 1) {
    const finalizers = next(current);
    if (finalizers === undefined) return current;
    const { name, namespace, uid, resourceVersion } = current.metadata;
    try {
      const metadata = { uid, resourceVersion, finalizers };
      return await client.patch(of, { name, namespace }, { metadata });
    } catch (error) {
      if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
      if (!isKubeError(error, 'KUBE_CONFLICT') || attempt === tries) throw error;
      current = await readAgain(client, of, object);
    }
  }
  return undefined;
}

/** Another object of that name is not ours to change. */
async function readAgain<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  { metadata: { name, namespace, uid } }: T,
): Promise<T | undefined> {
  try {
    const found = await client.get(of, { name, namespace });
    return found.metadata.uid === uid ? found : undefined;
  } catch (error) {
    if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
    throw error;
  }
}
