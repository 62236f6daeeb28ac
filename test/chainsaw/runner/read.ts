/** Cases on disk: a folder each, and what its files say. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type * as z from 'zod';
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';
import { type ChainsawTest, type JsonObject, testSchema } from './schema.ts';

const FILE = 'chainsaw-test.yaml';

export interface Case {
  /** Of its folder: they are run in the order of these. */
  readonly name: string;
  readonly folder: string;
  readonly test: ChainsawTest;
}

/** Every case below a folder, by name. @throws TW_E2E_UNREADABLE, TW_E2E_FIELD */
export function readCases(folder: string): readonly Case[] {
  return readdirSync(folder)
    .sort()
    .filter((name) => existsSync(join(folder, name, FILE)))
    .map((name) => readCase(join(folder, name), name));
}

function readCase(folder: string, name: string): Case {
  const file = join(folder, FILE);
  const [document, ...more] = documents(file);
  if (document === undefined || more.length > 0) {
    throw failure(errors.unreadable, { file: short(file), reason: 'it must hold one Test' });
  }
  const read = testSchema.safeParse(document);
  if (read.success) return { name, folder, test: read.data };
  const [issue] = read.error.issues;
  throw failure(errors.field, { file: short(file), ...said(issue) });
}

/** The objects of a manifest, or of all that a pattern finds. @throws TW_E2E_UNREADABLE */
export function readObjects(folder: string, pattern: string): readonly JsonObject[] {
  const files = globSync(pattern, { cwd: folder }).sort();
  const objects = files.flatMap((file) => documents(join(folder, file)));
  if (objects.length > 0) return objects;
  throw failure(errors.unreadable, { file: pattern, reason: 'there is no object in it' });
}

function documents(file: string): readonly JsonObject[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw failure(errors.unreadable, { file: short(file), reason: String(cause) }, cause);
  }
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error) throw failure(errors.unreadable, { file: short(file), reason: error.message });
    const object = document.toJS() as JsonObject | null;
    return object === null ? [] : [object];
  });
}

function said(issue: z.core.$ZodIssue | undefined): { field: string; reason: string } {
  const path = issue?.path ?? [];
  if (issue?.code === 'unrecognized_keys') {
    return {
      field: dotted([...path, ...issue.keys.slice(0, 1)]),
      reason: 'no field that our runner knows',
    };
  }
  // The first alternative is as good as any to say what is wrong.
  if (issue?.code === 'invalid_union') {
    return { field: dotted(path), reason: 'none of the shapes that our runner knows' };
  }
  return { field: dotted(path), reason: issue?.message ?? 'it is no Test' };
}

/** `spec.steps[0].try[1].apply` */
export function dotted(path: readonly PropertyKey[]): string {
  const parts = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`));
  return parts.join('').replace(/^\./, '') || 'the document';
}

const short = (file: string): string => relative(process.cwd(), file) || file;
