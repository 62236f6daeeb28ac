/**
 * From `helm install` on a cluster that has nothing of ours to the first Violation of a GitLab job, by the lines that
 * README has people type, in their order, with the binding of the chart's notes. The images are on the node, and so is the runner's account.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse as parseToml } from 'smol-toml';
import { blocks, page } from '#cli/docs/blocks.ts';
import { runCiJob } from '../test/agent/job.ts';
import { account, imageValues, kubeconfigOf, release, set } from '../test/agent/release.ts';
import { HELM } from '../test/chart/helm.ts';
import { type Cluster, useCluster } from '../test/cluster/cluster.ts';
import { KUBECTL } from '../test/cluster/kubectl.ts';
import { BUILD, ROOT } from '../test/cluster/names.ts';
import { waitFor } from '../test/cluster/wait.ts';
import type { PodSpecPatch } from '../test/fake-runner/job.ts';
import { PATH } from '../test/lab/execute.ts';
import { type Figure, figure } from './figure.ts';

/** s */
const TARGET = 60;
const thief = { name: 'telemetry.example.net', address: '198.51.100.7' } as const;
const script = [`curl -sS -m 10 http://${thief.name}/ || true`];
/** The namespace of jobs in README and in the chart's notes. */
const THEIRS = 'gitlab-runner';

export function skip(): string | undefined {
  const built = ['kube', 'coredns', 'helm'].every((name) => existsSync(join(BUILD, name)));
  if (!built) return 'the programs of the test cluster are not built (make cluster helm)';
  return process.getuid?.() === 0 ? undefined : 'a cluster needs root';
}

export async function run(): Promise<readonly Figure[]> {
  const undo: (() => Promise<void> | void)[] = [];
  const stack = {
    after: (done: () => Promise<void> | void) => void undo.push(done),
    diagnostic: () => undefined,
  };
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-install-'));
  stack.after(() => rmSync(folder, { recursive: true, force: true }));
  try {
    const cluster = await useCluster();
    const internet = cluster.internet(stack as never);
    await internet.dnsmasq([thief]);
    await internet.sink([{ kind: 'http', address: thief.address, port: 80 }]);
    const [free, jobs] = await Promise.all([
      cluster.namespace(stack as never, 'free'),
      cluster.namespace(stack as never, 'ci'),
    ]);
    await cluster.apply([...account(free), ...account(jobs)]);
    const values = set(await imageValues(cluster));
    // The first job of all brings its image to the node.
    await runCiJob(cluster, free, { script, podSpecs: [] });
    const without = await seconds(() => runCiJob(cluster, free, { script, podSpecs: [] }));
    if (internet.packetsTo(thief.address) === 0) throw new Error('the job reaches nobody');
    // Gone in the end, whatever becomes of this.
    release(stack as never, cluster);
    const kubeconfig = kubeconfigOf(stack as never, cluster, jobs);
    return await install({ cluster, folder, jobs, values, kubeconfig, without });
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

interface World {
  readonly cluster: Cluster;
  readonly folder: string;
  readonly jobs: string;
  readonly values: readonly string[];
  readonly kubeconfig: string;
  /** s, of the same job where there is nothing of ours. */
  readonly without: number;
}

async function install(world: World): Promise<readonly Figure[]> {
  const { cluster, folder, jobs, values, without } = world;
  const { kubectl } = cluster;
  const kinds = await kubectl([
    'get',
    'crd',
    '-l',
    'app.kubernetes.io/part-of=torwacht',
    '-o',
    'name',
  ]);
  if (kinds !== '') throw new Error(`the cluster has something of ours already: ${kinds}`);
  const [install = '', ...others] = commands();
  const ask = others.pop() ?? '';
  const type = typist(world);
  const began = performance.now();
  const notes = await type(`${install.replace(/#.*/, '')} ${values.map(quoted).join(' ')}`);
  const ready = performance.now();
  writeFileSync(join(folder, 'binding.yaml'), bindingOf(notes, jobs));
  writeFileSync(join(folder, 'policy.yaml'), policyOfReadme());
  const said = new Map<string, string>();
  for (const command of others) said.set(command, await type(command));
  const config = [...said].find(([command]) => command.startsWith('torwacht runner config'))?.[1];
  const podSpecs = podSpecsOf(config ?? '');
  const inForce = performance.now();
  const job = runCiJob(cluster, jobs, { script, podSpecs, kubeconfig: world.kubeconfig });
  const violation = waitFor('the first Violation', async () =>
    (await type(ask)).includes(thief.name),
  );
  await Promise.race([violation, job.then(() => violation)]);
  const seen = performance.now();
  const { result, log } = await job;
  if (result !== 'success') throw new Error(`the job failed: ${log}`);
  const took = (from: number, to: number): number => (to - from) / 1000;
  return [
    figure({
      name: 'install: helm install to the first Violation of a job',
      unit: 's',
      value: took(began, seen),
      target: { bound: 'at most', limit: TARGET },
    }),
    figure({
      name: 'install: of it, until all of it is ready',
      unit: 's',
      value: took(began, ready),
    }),
    figure({
      name: 'install: until the policy is in force',
      unit: 's',
      value: took(ready, inForce),
    }),
    figure({
      ...{
        name: 'install: the job until its Violation (baseline: the whole job, unheld)',
        unit: 's',
      },
      ...{ value: took(inForce, seen), baseline: without },
    }),
  ];
}

/** The binding that the notes tell people to apply, in this namespace, without the line that they say to take away. */
function bindingOf(notes: string, namespace: string): string {
  const block = /kubectl apply -f - <<'END'\n([\s\S]*?)\n\s*END$/m.exec(notes)?.[1];
  if (block === undefined) throw new Error(`the notes have no binding: ${notes}`);
  const plain = block.replaceAll(/^ {5}/gm, '');
  return plain
    .replace('namespace: gitlab-runner', `namespace: ${namespace}`)
    .replace(/^.*Observe\n/m, '');
}

/** What `torwacht runner config` says of pods. */
function podSpecsOf(config: string): readonly PodSpecPatch[] {
  const { runners } = parseToml(config) as unknown as {
    runners: [
      { kubernetes: { pod_spec: { name: string; patch_type: 'strategic'; patch: string }[] } },
    ];
  };
  return runners[0].kubernetes.pod_spec.map(({ name, patch_type: type, patch }) => ({
    ...{ name, type, patch },
  }));
}

/** The lines that README has people type for a cluster. */
function commands(): readonly string[] {
  const block = blocks(page('README.md'), 'sh').find(({ text }) => text.startsWith('helm install'));
  const lines = block?.text.trim().split('\n') ?? [];
  return lines.filter((line) => !line.startsWith('#'));
}

function policyOfReadme(): string {
  const found = blocks(page('README.md'), 'yaml').find(({ text }) => text.includes('name: web'));
  if (found === undefined) throw new Error('README has no policy');
  return found.text;
}

/** Types a line of README in a shell that stands in a checkout, with the namespace of this run. */
function typist({ cluster, folder, jobs }: World) {
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  const all = { helm: HELM, kubectl: KUBECTL, torwacht: join(ROOT, 'bin/torwacht') };
  for (const [name, path] of Object.entries(all)) symlinkSync(path, join(programs, name));
  symlinkSync(join(ROOT, 'charts'), join(folder, 'charts'));
  const env = { PATH: `${programs}:${PATH}`, HOME: folder, KUBECONFIG: cluster.kubeconfig };
  return async (line: string): Promise<string> => {
    const command = line.replaceAll(THEIRS, jobs);
    const { stdout } = await promisify(execFile)('bash', ['-ec', command], { cwd: folder, env });
    return stdout;
  };
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
