/**
 * What all bundles of a node say about one namespace. Two bindings may govern it, and their bundles may have
 * been written one after the other: of the same object the later generation counts.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { selectsNamespace } from '../namespace-selector.ts';
import { governs } from '../select.ts';
import { documentTitle, namespaceOf } from '../title.ts';

/** Documents that `compile` may find to be about a pod of the namespace. */
export function documentsFor(
  namespace: string,
  bundles: Iterable<readonly TorwachtDocument[]>,
): readonly TorwachtDocument[] {
  const newest = new Map<string, TorwachtDocument>();
  for (const documents of bundles) {
    for (const document of documents) {
      if (!isAbout(document, namespace)) continue;
      const title = documentTitle(document);
      const before = newest.get(title);
      if (before === undefined || generationOf(before) < generationOf(document)) {
        newest.set(title, document);
      }
    }
  }
  return [...newest.values()];
}

function isAbout(document: TorwachtDocument, namespace: string): boolean {
  switch (document.kind) {
    case 'EgressPolicy':
      return namespaceOf(document) === namespace;
    case 'ClusterEgressPolicy':
      return selectsNamespace(document.spec.namespaceSelector, namespace, undefined) !== 'no';
    case 'RunnerBinding': {
      const { podLabels: labels = {} } = document.spec.selector ?? {};
      return governs(document, { namespace, labels });
    }
  }
}

function generationOf({ metadata }: TorwachtDocument): number {
  return typeof metadata.generation === 'number' ? metadata.generation : 0;
}
