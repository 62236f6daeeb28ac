/** Where the API server keeps a kind of ours, as plain data. */
import { kindDefinitions } from './kinds.ts';
import { group, version } from './version.ts';

export interface ResourceName {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** @example resourceName('EgressPolicy').plural === 'egresspolicies' */
export function resourceName(kind: string): ResourceName {
  const definition = kindDefinitions.find((one) => one.kind === kind);
  if (definition === undefined) throw new Error(`There is no kind ${kind}.`);
  const { plural, scope } = definition;
  return { group, version, kind, plural, namespaced: scope === 'Namespaced' };
}
