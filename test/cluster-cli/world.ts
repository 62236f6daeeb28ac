/** An API server with our kinds, the command to ask it with, and hands for what operator and agents write. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { nodeAgentStatusSchema } from '#api/node-agent.ts';
import { resourceName } from '#api/resources.ts';
import { policyStatusSchema, runnerBindingStatusSchema } from '#api/status.ts';
import { apiVersion } from '#api/version.ts';
import { installCrds } from '../apiserver/crds.ts';
import { type ApiServer, type Ending, useApiServer } from '../apiserver/server.ts';
import { ROOT } from '../cluster/names.ts';
import { compileCache } from '../runner/cache.ts';

const main = join(ROOT, 'cli/main.ts');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What is asserted about it is for the test to say. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of any command
export type Told = any;

export interface World {
  readonly api: ApiServer;
  /** Runs the command with the administrator's kubeconfig, or another one. */
  torwacht(args: readonly string[], kubeconfig?: string): Promise<Ran>;
  /** The same with --json, as data. */
  asked(args: readonly string[], kubeconfig?: string): Promise<{ code: number; told: Told }>;
  /** Makes an object of ours; namespaced ones in `ci` unless told. */
  write(kind: string, name: string, spec: object, namespace?: string): Promise<void>;
  /** Writes a status, as the operator or the agent would, about the generation of now. */
  tell(kind: string, name: string, status: object, namespace?: string): Promise<void>;
}

const schemas: Readonly<Record<string, { parse(value: unknown): unknown }>> = {
  EgressPolicy: policyStatusSchema,
  ClusterEgressPolicy: policyStatusSchema,
  RunnerBinding: runnerBindingStatusSchema,
  NodeAgent: nodeAgentStatusSchema,
};

export async function useWorld(ending: Ending): Promise<World> {
  const api = await useApiServer(ending);
  await installCrds(api);
  for (const name of ['ci', 'other']) {
    await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await api.serviceAccount(name, 'default');
  }
  const torwacht: World['torwacht'] = (args, kubeconfig = api.kubeconfig) =>
    run(args, { KUBECONFIG: kubeconfig });
  return {
    api,
    torwacht,
    asked: async (args, kubeconfig) => {
      const { code, stdout, stderr } = await torwacht([...args, '--json'], kubeconfig);
      if (stdout === '') throw new Error(stderr);
      return { code, told: JSON.parse(stdout) };
    },
    write: (kind, name, spec, namespace = 'ci') =>
      api.apply({ apiVersion, kind, metadata: placed(kind, name, namespace), spec }),
    tell: async (kind, name, status, namespace = 'ci') => {
      const path = pathOf(kind, name, namespace);
      const { metadata } = JSON.parse((await api.request({ path })).body);
      const body = { observedGeneration: metadata.generation, ...status };
      schemas[kind]?.parse(body);
      const reply = await api.request({
        method: 'PATCH',
        path: `${path}/status`,
        type: 'application/json-patch+json',
        body: [{ op: 'add', path: '/status', value: body }],
      });
      if (reply.status !== 200) throw new Error(reply.body);
    },
  };
}

/** @param environment nothing of the caller's but PATH */
export function run(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Ran> {
  const home = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
  const env = { ...home, ...compileCache(ROOT), ...environment };
  return new Promise((done) => {
    execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      done({ code, stdout, stderr });
    });
  });
}

function placed(kind: string, name: string, namespace: string) {
  return resourceName(kind).namespaced ? { name, namespace } : { name };
}

function pathOf(kind: string, name: string, namespace: string): string {
  const { group, version, plural, namespaced } = resourceName(kind);
  const within = namespaced ? `/namespaces/${namespace}` : '';
  return `/apis/${group}/${version}${within}/${plural}/${name}`;
}

/** A `Ready` condition, as the operator and agents write it. */
export function ready(status: 'True' | 'False' | 'Unknown', reason: string, message = '') {
  const lastTransitionTime = '2026-11-01T12:00:00Z';
  return { type: 'Ready', status, reason, message, lastTransitionTime };
}

export const digest = (digit: string): string => digit.repeat(64);
