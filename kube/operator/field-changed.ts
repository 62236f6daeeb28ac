import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../objects/types.ts';
import type { HandlerContext } from './types.ts';

/**
 * For `when`: did one of these fields change since this process last handled the object? True where it has
 * not handled it yet. @example when: fieldChanged('spec.mode', 'metadata.labels')
 */
export function fieldChanged<T extends KubeObject>(
  ...paths: readonly string[]
): (context: Pick<HandlerContext<T>, 'object' | 'old'>) => boolean {
  return ({ object, old }) =>
    old === undefined || paths.some((path) => !isDeepStrictEqual(at(old, path), at(object, path)));
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((within, field) => {
    const record = typeof within === 'object' && within !== null;
    return record ? (within as Record<string, unknown>)[field] : undefined;
  }, value);
}
