/** A whole list, page by page. */
import type { Resource } from '../client/resource.ts';
import type { Client, Selectors } from '../client/types.ts';
import { isKubeError } from '../errors.ts';
import type { KubeObject } from '../objects/types.ts';

const pageSize = 500;

export interface Listed<T> {
  readonly objects: readonly T[];
  readonly resourceVersion: string;
}

/**
 * Consistent: asked without a resourceVersion, so never older than what somebody has seen before.
 * @param keep what is kept of an object, applied page by page
 */
export async function listAll<T extends KubeObject>(
  client: Client,
  of: Resource<T>,
  selectors: Selectors,
  { signal, keep }: { readonly signal: AbortSignal; readonly keep: (object: T) => T },
): Promise<Listed<T>> {
  const objects: T[] = [];
  let next: string | undefined;
  for (;;) {
    const where = { ...selectors, signal, limit: pageSize };
    try {
      const page = await client.list(of, next === undefined ? where : { ...where, continue: next });
      for (const item of page.items) objects.push(keep(item));
      next = page.metadata.continue;
      if (!next) return { objects, resourceVersion: page.metadata.resourceVersion };
    } catch (error) {
      if (next === undefined || !isKubeError(error, 'KUBE_GONE')) throw error;
      // The pages were compacted away under us; in one piece they cannot be.
      const whole = await client.list(of, { ...selectors, signal });
      return { objects: whole.items.map(keep), resourceVersion: whole.metadata.resourceVersion };
    }
  }
}
