/**
 * `make e2e`: looks at a cluster, says what it will do to it, runs the cases there, and removes what it made.
 *
 * @example node test/chainsaw/main.ts --kubeconfig ~/.kube/config --registry registry.example.com/torwacht
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { exitCodes, failure } from '#api/error.ts';
import { isKubeError } from '#kube/index.ts';
import { useCluster } from '../cluster/cluster.ts';
import { ROOT } from '../cluster/names.ts';
import { report } from '../cluster/report.ts';
import { errors } from './errors.ts';
import { planFor, type Wanted } from './plan.ts';
import { CASES, runPlan } from './run.ts';
import { readCases } from './runner/read.ts';
import type { JsonObject } from './runner/schema.ts';
import { worldOf } from './runner/world.ts';
import { survey } from './survey.ts';
import { chartOf, environmentIn } from './test-cluster.ts';

const usage = `Usage: node test/chainsaw/main.ts [--kubeconfig FILE] [--registry NAME] [--values FILE] [--print-values] [CASE…]

  --kubeconfig FILE   the cluster: its current context. Without it: the test cluster (make cluster-up)
  --registry NAME     where the cluster gets the images from, as image.registry of the chart
  --values FILE       more values of the chart
  --print-values      print what the real Chainsaw takes by --values, and do nothing
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values: flags, positionals } = parseArgs({
    options: {
      kubeconfig: { type: 'string' },
      registry: { type: 'string' },
      values: { type: 'string' },
      'print-values': { type: 'boolean' },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  });
  if (flags.help) {
    process.stdout.write(usage);
    return 0;
  }
  const known = readCases(CASES);
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-e2e-'));
  try {
    const ground = await groundOf(flags, folder);
    const world = worldOf(ground.kubeconfig);
    const seen = await survey(world);
    const wanted: Wanted = { ...ground, cases: positionals, appVersion: appVersion() };
    const plan = planFor(
      known.map(({ name }) => name),
      wanted,
      seen,
    );
    if (flags['print-values']) {
      say(JSON.stringify(plan.values, null, 2));
      return 0;
    }
    for (const program of ['kubectl', 'helm']) {
      const { error } = spawnSync(program, ['version'], { env: ground.environment });
      if (error) throw failure(errors.program, { program });
    }
    say(`Cluster of ${ground.kubeconfig}: Kubernetes ${seen.version}, nodes: ${seen.nodes}.`);
    for (const sentence of plan.sentences) say(sentence);
    say(`Cases: ${plan.cases.join(', ')}.\n`);
    const { environment } = ground;
    const outcomes = await runPlan(plan, known, { world, environment, say, signal: stopped() });
    const failed = outcomes.filter(({ faults }) => faults.length > 0);
    for (const { name, faults } of failed) say(`failed: ${name}\n  ${faults.join('\n  ')}`);
    say(`${outcomes.length - failed.length} passed, ${failed.length} failed`);
    return failed.length === 0 && outcomes.length === plan.cases.length ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Ground = Pick<Wanted, 'kubeconfig' | 'chart'> & { readonly environment: NodeJS.ProcessEnv };

async function groundOf(
  flags: { readonly kubeconfig?: string; readonly registry?: string; readonly values?: string },
  folder: string,
): Promise<Ground> {
  const { kubeconfig, registry, values } = flags;
  if (kubeconfig === undefined) {
    const cluster = await useCluster();
    const environment = environmentIn(folder);
    return { kubeconfig: cluster.kubeconfig, chart: await chartOf(cluster), environment };
  }
  const more = values === undefined ? {} : (parse(readFileSync(values, 'utf8')) as JsonObject);
  const chart = registry === undefined ? more : { ...more, image: { registry } };
  const said = registry !== undefined || values !== undefined;
  return { kubeconfig, chart: said ? chart : undefined, environment: process.env };
}

/** Cases clean up when somebody presses Ctrl-C. */
function stopped(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort(new Error(`stopped by ${signal}`)));
  }
  return controller.signal;
}

function appVersion(): string {
  const chart = parse(readFileSync(join(ROOT, 'charts/torwacht/Chart.yaml'), 'utf8')) as {
    appVersion: string;
  };
  return chart.appVersion;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (isKubeError(error)) {
    process.stderr.write(`${error.code}: ${error.message}\n${error.hint}\n`);
    process.exitCode = exitCodes.cluster;
  } else if (error instanceof TypeError && 'code' in error) {
    // Of parseArgs: a flag that there is not.
    process.stderr.write(`${error.message}\n${usage}`);
    process.exitCode = exitCodes.usage;
  } else report(error);
}
