/** What documentation can name: read from Makefile, chart, manifests and code, each once. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { flagsOf } from '../testing.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const files = (pattern: string) => globSync(pattern, { cwd: root });

type Names = readonly string[];

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Targets of make that `make help` lists. */
export const targets = once(
  (): Names => [...read('Makefile').matchAll(/^([a-z][\w-]*):.*##/gm)].map(([, name = '']) => name),
);

/** Every path of values.yaml, with dots. */
export const valuesOfChart = once(
  (): Names => paths(parse(read('charts/torwacht/values.yaml')), ''),
);

function paths(value: unknown, before: string): Names {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [before];
  return Object.entries(value).flatMap(([key, own]) =>
    paths(own, before === '' ? key : `${before}.${key}`),
  );
}

interface Kind {
  readonly spec: {
    readonly names: { plural: string; singular: string; shortNames: Names };
    readonly versions: readonly { additionalPrinterColumns: readonly { jsonPath: string }[] }[];
  };
}

const kinds = once((): readonly Kind[] =>
  files('config/crd/torwacht.io_*.yaml').map((file) => parse(read(file))),
);

/** Names for `kubectl get`: of our kinds, and of those of Kubernetes that pages name. */
export const resources = once((): Names => {
  const ours = kinds().flatMap(({ spec: { names } }) => [
    ...[names.plural, names.singular],
    ...names.shortNames,
  ]);
  const others = ['namespace', 'configmap', 'pod', 'pods', 'secret', 'rolebinding'];
  return [...ours, ...others, 'reports.openreports.io'];
});

/** Paths in objects that columns of our kinds show. */
export const columns = once(
  (): Names =>
    kinds()
      .flatMap(({ spec }) => spec.versions)
      .flatMap(({ additionalPrinterColumns }) => additionalPrinterColumns)
      .map(({ jsonPath }) => jsonPath),
);

/** `daemonset/torwacht-agent` and its like. */
export const workloads = once(
  (): Names =>
    files('config/{agent,operator,webhook}/*.yaml')
      .flatMap((file) => parseAllDocuments(read(file)))
      .map((document) => document.toJS() as { kind?: string; metadata?: { name?: string } } | null)
      .map((object) => `${object?.kind?.toLowerCase()}/${object?.metadata?.name}`),
);

/** Keys of labels and annotations, as the code has them. */
export const labels = once(
  (): Names =>
    files('{api,operator,webhook}/**/*.ts')
      .filter((file) => !file.endsWith('.test.ts'))
      .flatMap((file) => [...read(file).matchAll(/(?:torwacht\.io|\$\{group\})\/([\w-]+)/g)])
      .map(([, name]) => `torwacht.io/${name}`),
);

const helps = new Map<string, Promise<Names>>();

/** The long flags of a command of torwacht. */
export function flags(command: Names): Promise<Names> {
  const key = command.join(' ');
  const found = helps.get(key) ?? flagsOf(...command);
  helps.set(key, found);
  return found;
}
