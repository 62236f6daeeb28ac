/** How a document is named in rows and messages. */
import type { TorwachtDocument } from '#api/documents.ts';

/** Where kubectl puts a document that names no namespace. */
export const DEFAULT_NAMESPACE = 'default';

export function namespaceOf(document: TorwachtDocument): string {
  return document.metadata.namespace ?? DEFAULT_NAMESPACE;
}

/** @example 'EgressPolicy ci/web' */
export function documentTitle(document: TorwachtDocument): string {
  return `${document.kind} ${namespaceOf(document)}/${document.metadata.name}`;
}
