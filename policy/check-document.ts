/**
 * Is a value a document that can be put in force? The schema says what it may look like; here is also
 * what a schema cannot say: names and prefixes that are impossible, presets that do not exist. Used for
 * files and for objects from a cluster.
 */
import { documentSchemas, type TorwachtDocument } from '#api/documents.ts';
import { apiVersion, group, type Kind, kinds } from '#api/version.ts';
import { parsePrefix, type Refusal } from './cidr.ts';
import { closest } from './closest.ts';
import { parseEndpoint, parseHost, parseInstanceUrl } from './instance.ts';
import { describeIssue } from './issue-text.ts';
import { parseName } from './names.ts';
import { presets } from './presets.ts';
import { type FieldPath, type FieldProblem, quoted } from './problem.ts';

/** Problems that are reported of one document. */
const MAX_PROBLEMS = 100;

export type DocumentCheck =
  | { readonly document: TorwachtDocument; readonly problems: readonly [] }
  | { readonly document: null; readonly problems: readonly FieldProblem[] };

/** Never throws. Nothing of a document with a problem is usable. */
export function checkDocument(value: unknown): DocumentCheck {
  if (!isMap(value)) {
    return refused([
      {
        path: [],
        message: 'is not a map of fields',
        hint: `Begin with apiVersion: ${apiVersion}.`,
      },
    ]);
  }
  const kind = kindOf(value);
  if (typeof kind !== 'string') return refused([kind]);
  const meaning = impossibleValues(value);
  const parsed = documentSchemas[kind].safeParse(value);
  const shape = parsed.success
    ? []
    : parsed.error.issues
        .slice(0, MAX_PROBLEMS)
        .flatMap((issue) => describeIssue(documentSchemas[kind], issue, value));
  // The sentence about a name says more than the schema's pattern for it.
  const better = new Set(meaning.map((problem) => JSON.stringify(problem.path)));
  const problems = [
    ...shape.filter(
      (problem) => problem.key !== undefined || !better.has(JSON.stringify(problem.path)),
    ),
    ...meaning,
  ];
  if (parsed.success && problems.length === 0) return { document: parsed.data, problems: [] };
  return refused(problems.slice(0, MAX_PROBLEMS));
}

function refused(problems: readonly FieldProblem[]): DocumentCheck {
  return { document: null, problems };
}

type Fields = Readonly<Record<string, unknown>>;

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: Fields): Kind | FieldProblem {
  const { apiVersion: given, kind } = value;
  if (given === undefined || typeof given !== 'string') {
    return { path: ['apiVersion'], message: 'is required', hint: `Write ${apiVersion}.` };
  }
  if (given !== apiVersion) {
    const own = given === group || given.startsWith(`${group}/`);
    return {
      path: ['apiVersion'],
      message: `is ${quoted(given)}, and only ${apiVersion} is read`,
      hint: own
        ? `This version of Torwacht knows ${apiVersion}.`
        : 'Keep documents of other programs out of the policy folder.',
    };
  }
  const known = kinds.find((name) => name === kind);
  if (known !== undefined) return known;
  const near = typeof kind === 'string' ? closest(kind, kinds) : null;
  return {
    path: ['kind'],
    message:
      typeof kind === 'string' ? `is ${quoted(kind)}, which files cannot hold` : 'is required',
    hint: near === null ? `Write ${kinds.join(' or ')}.` : `Did you mean ${near}?`,
  };
}

type Parse = (text: string) => object | number;

/** Fields whose strings mean something, `*` standing for every entry of a list. */
const meanings: readonly (readonly [path: readonly string[], parse: Parse])[] = [
  [['spec', 'allow', '*', 'fqdn', '*'], parseName],
  [['spec', 'allow', '*', 'cidr', '*'], parsePrefix],
  [['spec', 'deny', '*', 'fqdn', '*'], parseName],
  [['spec', 'deny', '*', 'cidr', '*'], parsePrefix],
  [['spec', 'presets', '*'], knownPreset],
  [['spec', 'ceiling', 'allow', '*', 'fqdn', '*'], parseName],
  [['spec', 'ceiling', 'allow', '*', 'cidr', '*'], parsePrefix],
  [['spec', 'ceiling', 'presets', '*'], knownPreset],
  [['spec', 'gitlab', 'url'], parseInstanceUrl],
  [['spec', 'gitlab', 'extraHosts', '*', 'host'], parseHost],
  [['spec', 'dns', 'upstreams', '*'], upstreamAddress],
];

function impossibleValues(document: Fields): FieldProblem[] {
  return meanings.flatMap(([pattern, parse]) =>
    stringsAt(document, pattern, []).flatMap(({ path, text }) => {
      const result = parse(text);
      if (typeof result === 'number' || !('message' in result)) return [];
      const { message, hint } = result as Refusal;
      return [{ path, message: `${quoted(text)} ${message}`, hint }];
    }),
  );
}

interface Found {
  readonly path: FieldPath;
  readonly text: string;
}

function stringsAt(value: unknown, pattern: readonly string[], path: FieldPath): Found[] {
  const [step, ...rest] = pattern;
  if (step === undefined) return typeof value === 'string' ? [{ path, text: value }] : [];
  if (step === '*') {
    if (!Array.isArray(value)) return [];
    return value.flatMap((entry: unknown, index) => stringsAt(entry, rest, [...path, index]));
  }
  if (!isMap(value) || !Object.hasOwn(value, step)) return [];
  return stringsAt(value[step], rest, [...path, step]);
}

function knownPreset(name: string): object {
  const preset = presets.get(name);
  if (preset === undefined) {
    const near = closest(name, [...presets.keys()]);
    return {
      message: 'is no preset of this version',
      hint:
        near === null
          ? '`torwacht policy presets` lists them.'
          : `Did you mean ${quoted(near)}? \`torwacht policy presets\` lists them all.`,
    };
  }
  if (preset.instead === undefined) return preset;
  return { message: 'has no hosts of its own: they are yours', hint: preset.instead };
}

/** A resolver is reached by its address: a name for it would need a resolver. */
function upstreamAddress(text: string): object {
  const endpoint = parseEndpoint(text, 53);
  if ('message' in endpoint || 'address' in endpoint.host) return endpoint;
  return { message: 'is not an IPv4 address', hint: 'Write the address of the server.' };
}
