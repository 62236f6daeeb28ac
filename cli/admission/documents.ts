/** Pods and bindings from files, as kubectl writes them: one document, several, or a List. */
import { parseAllDocuments } from 'yaml';
import { loadPolicies } from '#agent/bundle/load.ts';
import { failure } from '#api/error.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { checkDocument } from '#policy/check-document.ts';
import { fieldName, listProblems } from '#policy/problem.ts';
import { type Pod, podSchema } from '#webhook/check/pod.ts';
import { readInput } from '../input.ts';
import { printable } from '../policy/io.ts';
import { errors } from './errors.ts';

export interface Documents {
  readonly pods: readonly { readonly pod: Pod; readonly object: object }[];
  readonly bindings: readonly RunnerBinding[];
}

/** @throws TW_ADMISSION_* */
export function readDocuments(path: string): Documents {
  const objects = parsed(path, readInput(path, errors.unreadable)).flatMap(itemsOf);
  const pods = objects.filter(({ kind }) => kind === 'Pod').map((object) => podOf(path, object));
  const bindings = objects
    .filter(({ kind }) => kind === 'RunnerBinding')
    .map((object) => bindingOf(path, object));
  if (pods.length === 0) throw failure(errors.document, { path, reason: 'it holds no Pod' });
  return { pods, bindings };
}

/** @throws TW_ADMISSION_DOCUMENT, and what loading policies throws */
export function readBindings(path: string): readonly RunnerBinding[] {
  const { documents, problems } = loadPolicies(path);
  if (problems.length > 0) {
    const reason = `\n${listProblems(problems, printable)}`;
    throw failure(errors.document, { path, reason });
  }
  return documents.filter((document) => document.kind === 'RunnerBinding');
}

type Fields = Readonly<Record<string, unknown>>;

function parsed(path: string, text: string): readonly unknown[] {
  const documents = parseAllDocuments(text, { strict: true });
  const [error] = [...documents].flatMap((document) => document.errors);
  if (error !== undefined) {
    throw failure(errors.document, { path, reason: error.message.split('\n')[0] ?? '' }, error);
  }
  try {
    return [...documents].map((document) => document.toJS({ maxAliasCount: 100 }) as unknown);
  } catch (cause) {
    throw failure(errors.document, { path, reason: (cause as Error).message }, cause);
  }
}

function itemsOf(value: unknown): readonly Fields[] {
  if (typeof value !== 'object' || value === null) return [];
  const { kind, items } = value as Fields;
  return kind === 'List' && Array.isArray(items) ? items.flatMap(itemsOf) : [value as Fields];
}

function podOf(path: string, object: Fields) {
  const { data, error } = podSchema.safeParse(object);
  if (data !== undefined) return { pod: data, object };
  const [issue] = error.issues;
  const field = fieldName((issue?.path ?? []).filter((step) => typeof step !== 'symbol'));
  throw failure(errors.document, { path, reason: `a Pod with ${field}: ${issue?.message ?? ''}` });
}

function bindingOf(path: string, object: Fields): RunnerBinding {
  const { document, problems } = checkDocument(object);
  if (document?.kind === 'RunnerBinding') return document;
  const [first] = problems;
  const reason = `a RunnerBinding with ${fieldName(first?.path ?? [])}: ${first?.message ?? ''}`;
  throw failure(errors.document, { path, reason });
}
