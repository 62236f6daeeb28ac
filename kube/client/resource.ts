/** What a kind is called in URLs and in manifests. */
import type { KubeObject } from '../objects/types.ts';

declare const shape: unique symbol;

export interface Resource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only for the compiler: what its objects look like. */
  readonly [shape]?: T;
}

/** @example const pods = resource<Pod>({ group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }); */
export function resource<T extends KubeObject>(described: Resource): Resource<T> {
  return described as Resource<T>;
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

export interface Place {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

/** The path of a collection, an object, or a subresource of an object. */
export function pathOf(of: Resource, { namespace, name, subresource }: Place): string {
  const root = of.group === '' ? `/api/${of.version}` : `/apis/${of.group}/${of.version}`;
  const within =
    of.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  const below = subresource === undefined ? '' : `/${subresource}`;
  return `${root}${within}/${of.plural}${object}${below}`;
}
