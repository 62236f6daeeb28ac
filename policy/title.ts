/** How a document is named in rows and messages. */
import type { ClusterEgressPolicy } from '#api/cluster-egress-policy.ts';
import type { TorwachtDocument } from '#api/documents.ts';

/** Where kubectl puts a document that names no namespace. */
export const DEFAULT_NAMESPACE = 'default';

export function namespaceOf(document: Exclude<TorwachtDocument, ClusterEgressPolicy>): string {
  return document.metadata.namespace ?? DEFAULT_NAMESPACE;
}

/** @example 'EgressPolicy ci/web', 'ClusterEgressPolicy floor' */
export function documentTitle(document: TorwachtDocument): string {
  if (document.kind === 'ClusterEgressPolicy') return `${document.kind} ${document.metadata.name}`;
  return `${document.kind} ${namespaceOf(document)}/${document.metadata.name}`;
}
