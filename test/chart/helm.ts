/** Helm, as `make helm` builds it from its own modules, and what it makes of the chart. */
import { execFile, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { BUILD, ROOT } from '../cluster/names.ts';

export const CHART = join(ROOT, 'charts/torwacht');
export const HELM = join(BUILD, 'helm');

/** An object of Kubernetes, as it stands in a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export type Values = Readonly<Record<string, unknown>>;

const LIMIT = 64 << 20;

/** Folders of its own, gone with what it returns: no repository, plugin or cache of this host. */
function surroundings(env: NodeJS.ProcessEnv) {
  if (!existsSync(HELM)) throw new Error(`${HELM} is not built. Run: make helm`);
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-helm-'));
  const own = { HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder };
  return {
    env: { PATH: '/usr/bin:/bin', HOME: folder, ...own, ...env },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Helm to its end. */
export function helm(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): SpawnSyncReturns<string> {
  const place = surroundings(env);
  try {
    return spawnSync(HELM, args, { encoding: 'utf8', env: place.env, maxBuffer: LIMIT });
  } finally {
    place.remove();
  }
}

type Ended = Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'>;

/** The same, while this program goes on. */
export async function helmBeside(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const place = surroundings(env);
  try {
    return await new Promise<Ended>((resolve) => {
      const options = { env: place.env, maxBuffer: LIMIT };
      const child = execFile(HELM, args, options, (_error, stdout, stderr) => {
        resolve({ status: child.exitCode, stdout, stderr });
      });
    });
  } finally {
    place.remove();
  }
}

export interface Rendering {
  readonly values?: Values;
  readonly namespace?: string;
}

/** Values as flags: JSON, so that types stay. */
export function flags({ values = {}, namespace = 'torwacht' }: Rendering): readonly string[] {
  const set = Object.entries(values).flatMap(([path, value]) => [
    '--set-json',
    `${path}=${JSON.stringify(value)}`,
  ]);
  return [`--namespace=${namespace}`, ...set];
}

/** What `helm template` prints, or its complaint. */
export function template(rendering: Rendering = {}): SpawnSyncReturns<string> {
  return helm(['template', 'torwacht', CHART, ...flags(rendering)]);
}

/** Every object of a rendering. @throws where Helm refuses the values, or prints what is no YAML */
export function render(rendering: Rendering = {}): readonly Manifest[] {
  const { status, stdout, stderr } = template(rendering);
  if (status !== 0) throw new Error(`helm template: ${stderr}`);
  return parse(stdout);
}

export function parse(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error) throw error;
    const object = document.toJS() as Manifest | null;
    return object === null ? [] : [object];
  });
}

/** What tells objects apart: `apps/v1 Deployment torwacht/torwacht-operator`. */
export function keyOf({ apiVersion, kind, metadata }: Manifest): string {
  const { namespace, name } = metadata;
  return `${apiVersion} ${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** Every string in a value, with the names that lead to it. */
export function* strings(
  value: unknown,
  path: readonly string[] = [],
): Generator<readonly [path: readonly string[], text: string]> {
  if (typeof value === 'string') yield [path, value];
  else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) yield* strings(one, [...path, key]);
  }
}
