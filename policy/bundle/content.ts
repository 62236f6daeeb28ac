/**
 * Documents as they stand in a bundle: the fields that mean something, as JSON text that is the same for the
 * same document, whoever wrote it and wherever it was read.
 */
import { createHash } from 'node:crypto';
import type { TorwachtDocument } from '#api/documents.ts';
import type { RunnerBindingSpec } from '#api/runner-binding.ts';

/** `uid` and `generation` tell apart what has the same name. */
const metadataFields = ['name', 'namespace', 'uid', 'generation'] as const;

/** Without status and what only the API server and the operator need. */
export function bare<Document extends TorwachtDocument>(document: Document): Document {
  const { apiVersion, kind, metadata } = document;
  // Addresses of receivers are nothing that a node has to know.
  const { alerts: _, ...spec } = document.spec as Partial<RunnerBindingSpec>;
  const given: Readonly<Record<string, unknown>> = metadata;
  const kept = metadataFields.flatMap((field) =>
    given[field] === undefined ? [] : [[field, given[field]] as const],
  );
  return { apiVersion, kind, metadata: Object.fromEntries(kept), spec } as unknown as Document;
}

/** JSON in ASCII, keys in order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, inOrder).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** What the head of a bundle says of its pieces: what changes when any of them does. */
export function headDigest(pieces: readonly string[]): string {
  return sha256(pieces.map((piece) => `${piece}\n`).join(''));
}
