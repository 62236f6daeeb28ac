/**
 * What is wrong with a document, as data: loading never throws for bad content, so that a broken file is
 * reported in full and never takes down what is in force.
 */

/** Where in the document: the steps from its root. */
export type FieldPath = readonly (string | number)[];

/** A problem before it has a position: objects that come from a cluster have none. */
export interface FieldProblem {
  readonly path: FieldPath;
  /** The position is that of this key of the value at `path`, and not of the value. */
  readonly key?: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

export interface Problem {
  readonly file: string;
  /** 1-based; 0 when the problem is the file as a whole. */
  readonly line: number;
  /** 1-based, in UTF-16 units as editors count; 0 when the problem is the file as a whole. */
  readonly column: number;
  /** `spec.allow[0].fqdn[1]`; empty for a whole document. */
  readonly field: string;
  readonly message: string;
  readonly hint: string;
}

const plainKey = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;

/** @example fieldName(['spec', 'allow', 0, 'fqdn', 1]) === 'spec.allow[0].fqdn[1]' */
export function fieldName(path: FieldPath): string {
  let name = '';
  for (const step of path) {
    if (typeof step === 'number') name += `[${step}]`;
    else if (plainKey.test(step)) name += name === '' ? step : `.${step}`;
    else name += `[${quoted(step)}]`;
  }
  return name;
}

/**
 * A value from a document as it may be shown: printable ASCII, bounded. Documents are hostile bytes, and
 * a problem is printed on terminals.
 */
export function quoted(value: string): string {
  const short = value.length > 80 ? `${value.slice(0, 77)}...` : value;
  return JSON.stringify(short).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Each with its place and what to do, indented below a sentence; `show` makes a file's name printable. */
export function listProblems(problems: readonly Problem[], show: (file: string) => string): string {
  const list = problems.map((p) => {
    const file = show(p.file);
    const place = p.line === 0 ? file : `${file}:${p.line}:${p.column}`;
    return `  ${place}: ${p.field === '' ? '' : `${p.field}: `}${p.message}\n      ${p.hint}`;
  });
  return list.join('\n');
}

export function countProblems(problems: readonly Problem[]): string {
  return problems.length === 1 ? '1 problem' : `${problems.length} problems`;
}
