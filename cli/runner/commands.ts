/** What can be said behind `torwacht runner`; what does the work is loaded when it is asked for. */
import { type Command, Option } from 'commander';
import { onCluster } from '../cluster/commands.ts';
import type { Io } from '../policy/io.ts';
import type { CheckFlags } from './check.ts';
import type { ConfigFlags } from './config.ts';

/** @param done told of the exit status */
export function addRunnerCommands(torwacht: Command, io: Io, done: (code: number) => void): void {
  const runner = torwacht
    .command('runner')
    .description('Configure GitLab Runner so that its jobs are held.');

  ofBinding(runner.command('config'))
    .description('Print what GitLab Runner has to be told, made from a RunnerBinding.')
    .addOption(
      new Option('--for <form>', 'config.toml, values of the Helm chart, objects of the operator')
        .choices(['config', 'helm', 'operator'])
        .default('config'),
    )
    .option('--image <image>', 'of the barrier, where the binding allows several')
    .addHelpText(
      'after',
      `
The binding comes from a file, or else from the cluster. Its template of the barrier
becomes the pod_spec patch, field by field as admission wants it.

Examples:
  torwacht runner config --binding binding.yaml
  torwacht runner config -n ci --for helm > values.yaml`,
    )
    .action(async (flags: ConfigFlags) => {
      const { showConfig } = await import('./config.ts');
      await showConfig(flags, io);
    });

  ofBinding(runner.command('check'))
    .description('Judge the settings that enforcement and trust depend on, a line each.')
    .argument(
      '<file>',
      'config.toml, values of the Helm chart, or a ConfigMap; - for standard input',
    )
    .option('--cluster', 'take the RunnerBinding from the cluster')
    .option('--runner <name>', 'this runner of the file alone')
    .addHelpText(
      'after',
      `
The exit status is 0 when no line failed, 1 when one has. Warnings are no failures.

Examples:
  torwacht runner check /etc/gitlab-runner/config.toml --binding binding.yaml
  helm get values gitlab-runner | torwacht runner check - --cluster -n ci`,
    )
    .action(async (path: string, flags: CheckFlags) => {
      const { checkConfig } = await import('./check.ts');
      done(await checkConfig(path, flags, io));
    });
}

function ofBinding(command: Command): Command {
  return onCluster(
    command
      .option('--binding <path>', 'file or folder with the RunnerBinding')
      .option('--name <name>', 'its name, where there are several')
      .option('-n, --namespace <name>', 'where the jobs run'),
  );
}
