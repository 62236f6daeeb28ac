/** Cases of a test's own: a folder with what it says, run against an API in memory. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Client, Resource } from '#kube/index.ts';
import { MemoryApi } from '#kube/testing/memory-api.ts';
import { readCases } from './read.ts';
import { type Outcome, runCase } from './run-case.ts';
import type { Json } from './schema.ts';
import { worldWith } from './world.ts';

const kinds = {
  '/api/v1': [
    { name: 'namespaces', kind: 'Namespace', namespaced: false },
    { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
  ],
};

/** Of a kind, as `MemoryApi` wants it named. */
export const of = (plural: string): Resource => ({
  ...{ group: '', version: 'v1', kind: '', plural },
  namespaced: plural !== 'namespaces',
});

/** MemoryApi and the two verbs that it has not. */
function clientOf(api: MemoryApi): Client {
  const raw = async (path: string) => ({ resources: kinds[path as keyof typeof kinds] ?? [] });
  const list = async (resource: Resource) => ({ metadata: {}, items: api.list(resource) });
  return Object.assign(api.client(), { raw, list }) as unknown as Client;
}

/** A folder of cases, each with its steps as YAML, and more files beside them. */
export function folderOf(
  t: TestContext,
  cases: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-cases-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(cases)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'chainsaw-test.yaml'), text);
    for (const [file, content] of Object.entries(files)) {
      writeFileSync(join(folder, name, file), content);
    }
  }
  return folder;
}

/** The head of a case; what stands behind `steps:` is the test's. */
export const caseOf = (steps: string, more = ''): string => `
apiVersion: chainsaw.kyverno.io/v1alpha1
kind: Test
metadata: { name: sample }
spec:
  concurrent: false
  timeouts: { apply: 1ms, assert: 1ms, error: 1ms, exec: 20s }
${more}
  steps:
${steps}
`;

export interface Ended extends Outcome {
  readonly api: MemoryApi;
  readonly lines: readonly string[];
}

/** Runs the one case that these steps are. */
export async function runSteps(
  t: TestContext,
  steps: string,
  { values = {}, files, api = new MemoryApi(), more }: RunPlan = {},
): Promise<Ended> {
  const [one] = readCases(folderOf(t, { sample: caseOf(steps, more) }, files));
  if (one === undefined) throw new Error('there is no case');
  const lines: string[] = [];
  const world = worldWith(clientOf(api), '/nowhere');
  const outcome = await runCase(one, {
    world,
    values,
    environment: process.env,
    say: (line) => lines.push(line),
  });
  return { ...outcome, api, lines };
}

interface RunPlan {
  readonly values?: Json;
  readonly files?: Readonly<Record<string, string>>;
  readonly api?: MemoryApi;
  /** More of the case's `spec`. */
  readonly more?: string;
}
