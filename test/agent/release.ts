/** A release of the chart on the test cluster, and a namespace whose jobs it holds. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parse, stringify } from 'yaml';
import type * as z from 'zod';
import type { runnerBindingSpecSchema } from '#api/runner-binding.ts';
import { flags, helmBeside, type Values } from '../chart/helm.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { binding, policy } from './documents.ts';
import { forget } from './install-api.ts';
import { barrier } from './job.ts';

export const NAMESPACE = 'torwacht';
export const waiting = ['--wait', '--timeout=300s'];
const parts = ['agent', 'operator', 'webhook', 'barrier'] as const;
type Part = (typeof parts)[number];

/** Images of this checkout, or others in their place, by registry, name and tag as anybody's. */
export async function imageValues(
  cluster: Cluster,
  others: Partial<Record<Part, string>> = {},
): Promise<Values> {
  const values: Record<string, unknown> = {};
  for (const name of parts) {
    const image = others[name] ?? (await cluster.image(name));
    const [, registry, repository, tag] = /^(.*)\/(.*):(.*)$/.exec(image) ?? [];
    values['image.registry'] = registry;
    values[`${name}.image.repository`] = repository;
    values[`${name}.image.tag`] = tag;
  }
  return values;
}

/** Values as flags, for `must`. */
export const set = (values: Values): readonly string[] =>
  flags({ values, namespace: NAMESPACE }).slice(1);

/** The cluster as the runner's own service account sees it: so admission wants a job's pod to come. */
export function kubeconfigOf(
  t: Pick<TestContext, 'after'>,
  cluster: Cluster,
  namespace: string,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-runner-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'kubeconfig');
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as {
    users: { user: Record<string, string> }[];
  };
  for (const { user } of config.users) {
    user.as = `system:serviceaccount:${namespace}:gitlab-runner`;
  }
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}

/** Of a runner that makes the pods of its jobs itself. */
export function account(namespace: string): readonly object[] {
  const metadata = { name: 'gitlab-runner', namespace };
  const api = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: `${api}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: api, kind: 'ClusterRole', name: 'admin' },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
  ];
}

export interface Jobs {
  readonly reach: readonly { readonly name: string; readonly port: number }[];
  /** More of the binding. */
  readonly spec?: z.input<typeof runnerBindingSpecSchema>;
  /** Objects beside it. */
  readonly with?: readonly object[];
}

/** The namespace of jobs: labelled, with its runner's account, and a binding. */
export async function prepare(cluster: Cluster, namespace: string, jobs: Jobs): Promise<void> {
  const { image, args } = barrier();
  const rules = jobs.reach.map(({ name, port }) => ({
    fqdn: [name],
    ports: [{ port, protocol: 'TCP' as const }],
  }));
  await cluster.apply([
    ...account(namespace),
    binding(namespace, {
      runners: [{ serviceAccount: 'gitlab-runner' }],
      barrier: { images: [image], args },
      trust: { annotations: true },
      guard: {
        exceptions: [{ allow: 'AnyHostPath', reason: "npm is the node's, and the checkout" }],
      },
      ...jobs.spec,
    }),
    policy(namespace, ...rules),
    ...(jobs.with ?? []),
  ]);
  await cluster.kubectl(['label', 'namespace', namespace, 'torwacht.io/enforce=true']);
  const at = [`--namespace=${namespace}`, '--for=condition=Ready', '--timeout=120s'];
  await cluster.kubectl(['wait', 'runnerbinding/runners', 'egresspolicy/reach', ...at]);
}

type Ran = Awaited<ReturnType<typeof helmBeside>>;

export interface Release {
  /** Helm in the release's namespace. */
  run(...args: string[]): Promise<Ran>;
  /** The same; what it said, where it went well. How long it took is told. */
  must(...args: string[]): Promise<string>;
  timed<T>(what: string, work: () => Promise<T>): Promise<T>;
}

/** Whatever becomes of the test, the release is gone in the end, with all that belongs to it. */
export function release(t: Pick<TestContext, 'after' | 'diagnostic'>, cluster: Cluster): Release {
  const run: Release['run'] = (...args) =>
    helmBeside([...args, `--namespace=${NAMESPACE}`], { KUBECONFIG: cluster.kubeconfig });
  const timed: Release['timed'] = async (what, work) => {
    const began = performance.now();
    const done = await work();
    t.diagnostic(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
    return done;
  };
  const must: Release['must'] = async (...args) => {
    const { status, stdout, stderr } = await timed(`helm ${args[0]}`, () => run(...args));
    assert.equal(status, 0, `helm ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout + stderr;
  };
  t.after(async () => {
    await run('uninstall', 'torwacht', '--no-hooks', '--ignore-not-found', '--wait');
    const names = ['torwacht-pods', 'torwacht-objects', 'torwacht-inject'];
    for (const kind of ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations']) {
      await cluster.kubectl(['delete', kind, ...names, '--ignore-not-found']);
    }
    await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found']);
    await cluster.kubectl(['delete', 'crd', '-l', 'app.kubernetes.io/part-of=torwacht']);
    forget(cluster);
  });
  return { run, must, timed };
}
