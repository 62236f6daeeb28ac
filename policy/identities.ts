/** Targets that documents name: one for each combination, to find rules that do not go together. */
import type { TorwachtDocument } from '#api/documents.ts';
import { namespaceOf } from './title.ts';
import type { Identity } from './types.ts';

/** Combinations that are looked at; documents name more only by accident. */
const MAX_IDENTITIES = 64;

export function namedIdentities(documents: readonly TorwachtDocument[]): readonly Identity[] {
  const identities = new Map<string, Identity>();
  for (const document of documents) {
    if (document.kind !== 'EgressPolicy') continue;
    const project = document.spec.selector?.projects?.[0];
    const job = document.spec.selector?.jobs?.[0]?.replaceAll('*', '');
    const identity: Identity = {
      namespace: namespaceOf(document),
      ...(project === undefined ? {} : { project }),
      ...(job === undefined ? {} : { job }),
    };
    identities.set(JSON.stringify(identity), identity);
  }
  return [...identities.values()].slice(0, MAX_IDENTITIES);
}
