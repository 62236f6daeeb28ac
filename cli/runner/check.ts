/** `torwacht runner check`: does all that enforcement and trust depend on stand in a runner's configuration? */
import { failure } from '#api/error.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { quoted } from '#policy/problem.ts';
import { documentTitle } from '#policy/title.ts';
import { type Finding, fail, type Group, pass, report, warn } from '../findings.ts';
import type { Io } from '../policy/io.ts';
import { type BindingFlags, findBinding } from './binding.ts';
import { advancedFlag } from './checks/flags.ts';
import { overwriting, ownMetadata } from './checks/overwrites.ts';
import { instance, manager, namespace, pollTimeout } from './checks/place.ts';
import { pod } from './checks/pod.ts';
import type { Check } from './checks/rule.ts';
import { errors } from './errors.ts';
import { type Config, type Runner, readConfig } from './read.ts';

/** As commander gives them. */
export interface CheckFlags extends BindingFlags {
  readonly cluster?: boolean;
  readonly runner?: string;
  readonly json?: boolean;
}

const checks: readonly Check[] = [
  advancedFlag,
  pod,
  namespace,
  pollTimeout,
  instance,
  manager,
  overwriting,
  ownMetadata,
];

/** Exit code 0 when no line failed, 1 when one has. @throws TW_RUNNER_*, TW_POLICY_*, TW_KUBE_* */
export async function checkConfig(path: string, flags: CheckFlags, io: Io): Promise<number> {
  const config = readConfig(path);
  const runners = chosen(path, config, flags.runner);
  const asked = flags.binding !== undefined || flags.cluster === true;
  const binding = asked ? await findBinding(flags) : null;
  const groups = runners.map((runner): Group => {
    const under = binding === null ? 'no RunnerBinding given' : documentTitle(binding);
    return {
      title: `${path === '-' ? 'standard input' : path}, runner ${nameOf(runner, config)} (${under})`,
      findings: judge(runner, binding, config),
    };
  });
  return report(groups, flags.json === true, io);
}

export function judge(
  runner: Runner,
  binding: RunnerBinding | null,
  config: Config,
): readonly Finding[] {
  const executor = runner.executor ?? (config.template ? 'kubernetes' : '');
  if (executor !== 'kubernetes') {
    return [
      fail(
        'executor',
        `its executor is ${quoted(executor)}: no pod is made, and the barrier holds pods`,
        'Let its jobs start under `torwacht run` (docs/run.md), or look at the others alone with --runner.',
      ),
    ];
  }
  const kubernetes = runner.kubernetes ?? {};
  return [
    pass('executor', 'its executor is kubernetes: its jobs are pods'),
    ...(binding === null ? [unknown] : []),
    ...checks.flatMap((check) => check({ runner, kubernetes, binding, config })),
  ];
}

const unknown = warn(
  'binding',
  'without a RunnerBinding neither image and deadline of the barrier nor namespace and instance are judged',
  'Name it with --binding FILE, or take it from a cluster with --cluster.',
);

function chosen(path: string, { runners }: Config, name: string | undefined): readonly Runner[] {
  if (name === undefined) return runners;
  const found = runners.filter((runner) => runner.name === name);
  if (found.length > 0) return found;
  const known = runners.flatMap((runner) => runner.name ?? []).join(', ');
  throw failure(errors.noRunner, { path, name: quoted(name), known: known || 'none with a name' });
}

function nameOf({ name }: Runner, { runners }: Config): string {
  if (name !== undefined) return name;
  return runners.length === 1 ? 'without a name' : 'without a name, one of several';
}
