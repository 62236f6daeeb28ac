/**
 * Policy documents from the content of files. Bad content is reported as problems with file, line,
 * column and field, all of it at once. agent/bundle reads the files.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { checkDocument } from './check-document.ts';
import { type FieldPath, fieldName, type Problem } from './problem.ts';
import type { Position } from './text-position.ts';
import { documentTitle } from './title.ts';
import { readYaml } from './yaml.ts';

export const loadLimits = {
  /** Bytes of one file. */
  file: 256 * 1024,
  /** Bytes of all files together. */
  total: 4 * 1024 * 1024,
  /** Files of one folder. */
  files: 1000,
  /** Problems reported at all. */
  problems: 100,
} as const;

export interface PolicyFile {
  /** Path as it is shown. */
  readonly file: string;
  readonly content: Uint8Array;
}

export interface Loaded {
  /** In the order of the files. Empty when there is any problem: half a policy is another policy. */
  readonly documents: readonly TorwachtDocument[];
  readonly problems: readonly Problem[];
  readonly files: readonly string[];
  /** Where a field of a document stands, by the document's title; null for one that was not read. */
  place(title: string, path: FieldPath): Place | null;
}

export interface Place extends Position {
  readonly file: string;
}

/** Parses and checks the content of files, in their order. Never throws. */
export function parsePolicies(files: readonly PolicyFile[]): Loaded {
  const documents: TorwachtDocument[] = [];
  const problems: Problem[] = [];
  const seen: Seen = new Map();
  let total = 0;
  for (const file of files) {
    if (problems.length >= loadLimits.problems) break;
    total += file.content.length;
    const read = total > loadLimits.total ? tooMuch(file) : parseFile(file, seen);
    documents.push(...read.documents);
    problems.push(...read.problems);
  }
  return {
    documents: problems.length === 0 ? documents : [],
    problems: problems.slice(0, loadLimits.problems),
    files: files.map(({ file }) => file),
    place: (title, path) => seen.get(title)?.(path) ?? null,
  };
}

/** Documents by their title, and where their fields stand. */
type Seen = Map<string, (path: FieldPath) => Place>;

type Parsed = Pick<Loaded, 'documents' | 'problems'>;

function aboutFile(file: string, message: string, hint: string): Parsed {
  return { documents: [], problems: [{ file, line: 0, column: 0, field: '', message, hint }] };
}

function tooMuch({ file }: PolicyFile): Parsed {
  const message = `brings the policy to more than ${loadLimits.total / 1024} KiB`;
  return aboutFile(file, message, 'Remove what is not needed from the folder.');
}

function parseFile({ file, content }: PolicyFile, seen: Seen): Parsed {
  if (content.length > loadLimits.file) {
    return aboutFile(
      file,
      `is larger than ${loadLimits.file / 1024} KiB`,
      'Split it into several files.',
    );
  }
  const text = decode(content);
  if (text === null) return aboutFile(file, 'is not UTF-8 text', 'Save it as UTF-8.');

  const yaml = readYaml(text);
  const documents: TorwachtDocument[] = [];
  const problems: Problem[] = yaml.problems.map((problem) => ({ file, ...problem }));
  for (const source of yaml.documents) {
    const checked = checkDocument(source.value);
    for (const { path, key, message, hint } of checked.problems) {
      const field = fieldName(key === undefined ? path : [...path, key]);
      problems.push({ file, ...source.locate(path, key), field, message, hint });
    }
    if (checked.document === null) continue;
    const title = documentTitle(checked.document);
    const before = seen.get(title);
    if (before === undefined) {
      seen.set(title, (path) => ({ file, ...source.locate(path) }));
      documents.push(checked.document);
    } else {
      problems.push({
        file,
        ...source.locate(['metadata', 'name']),
        field: 'metadata.name',
        message: `${title} is already in ${before([]).file}:${before([]).line}`,
        hint: 'Give one of them another name, or remove it.',
      });
    }
  }
  if (yaml.documents.length === 0 && problems.length === 0) {
    return aboutFile(file, 'holds no document', 'Write an EgressPolicy into it, or remove it.');
  }
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { documents, problems };
}

function decode(content: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    // The decoder's own words say nothing more than that.
    return null;
  }
}
