/**
 * Reads policy documents from a file or a folder. Bad content is reported as problems with file, line,
 * column and field, all of it at once; only a path that cannot be read is an error.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TorwachtDocument } from '#api/documents.ts';
import { failure } from '#api/error.ts';
import { checkDocument } from './check-document.ts';
import { errors } from './errors.ts';
import { fieldName, type Problem } from './problem.ts';
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
}

/**
 * Loads a file, or the .yaml and .yml files of a folder (sorted by name, not recursive, no dot files).
 *
 * @throws TW_POLICY_UNREADABLE, TW_POLICY_EMPTY_FOLDER
 */
export function loadPolicies(...paths: readonly string[]): Loaded {
  return parsePolicies(paths.flatMap((path) => listFiles(path)).map(readFile));
}

/** The same from content that is already in memory. Never throws. */
export function parsePolicies(files: readonly PolicyFile[]): Loaded {
  const documents: TorwachtDocument[] = [];
  const problems: Problem[] = [];
  const seen = new Map<string, string>();
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
  };
}

type Parsed = Pick<Loaded, 'documents' | 'problems'>;

function aboutFile(file: string, message: string, hint: string): Parsed {
  return { documents: [], problems: [{ file, line: 0, column: 0, field: '', message, hint }] };
}

function tooMuch({ file }: PolicyFile): Parsed {
  const message = `brings the policy to more than ${loadLimits.total / 1024} KiB`;
  return aboutFile(file, message, 'Remove what is not needed from the folder.');
}

function parseFile({ file, content }: PolicyFile, seen: Map<string, string>): Parsed {
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
      seen.set(title, `${file}:${source.start.line}`);
      documents.push(checked.document);
    } else {
      problems.push({
        file,
        ...source.locate(['metadata', 'name']),
        field: 'metadata.name',
        message: `${title} is already in ${before}`,
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

function listFiles(path: string): readonly string[] {
  const isFolder = reading(path, () => statSync(path).isDirectory());
  if (!isFolder) return [path];
  const names = reading(path, () => readdirSync(path))
    .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
    .sort();
  if (names.length === 0) throw failure(errors.noDocuments, { path });
  if (names.length > loadLimits.files) {
    throw failure(errors.unreadable, { path, why: `it holds more than ${loadLimits.files} files` });
  }
  const files = names.map((name) => join(path, name));
  // A pipe in a folder would wait for a writer for ever.
  for (const file of files) {
    if (!reading(file, () => statSync(file).isFile())) {
      throw failure(errors.unreadable, { path: file, why: 'it is not a file' });
    }
  }
  return files;
}

/** Reads one byte beyond the limit at most, so that a file that never ends is too large and no more. */
function readFile(file: string): PolicyFile {
  return reading(file, () => {
    const fd = openSync(file, 'r');
    try {
      const content = new Uint8Array(loadLimits.file + 1);
      let length = 0;
      for (;;) {
        const count = readSync(fd, content, length, content.length - length, null);
        length += count;
        if (count === 0 || length === content.length) break;
      }
      return { file, content: content.subarray(0, length) };
    } finally {
      closeSync(fd);
    }
  });
}

const whys: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EISDIR: 'it is a folder',
  ELOOP: 'its links go round in a circle',
};

function reading<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw failure(errors.unreadable, { path, why: whys[code] ?? code }, cause);
  }
}
