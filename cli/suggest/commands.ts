/** What can be asked of the operator: `torwacht suggest` and `torwacht alerts`. Loaded when it is asked for. */
import type { Command } from 'commander';
import { onCluster, toCluster } from '../cluster/commands.ts';
import type { Io } from '../policy/io.ts';
import type { AlertsTestFlags } from './alerts.ts';
import type { SuggestCommandFlags } from './command.ts';

const list = (value: string, before: string[] = []) => [...before, value];

/** Flags of whoever makes suggestions. */
export function suggesting(command: Command): Command {
  return command
    .option('--project <id>', 'only what this GitLab project did')
    .option('--job <name>', 'only what this job did')
    .option('--collapse <domain>', 'several names below it as a wildcard (repeatable)', list)
    .option('--without-refused', 'leave out what was refused then')
    .option('--replay [path]', 'tell what it, or the policy at this path, would have refused')
    .option('--json', 'print a JSON object');
}

/** @param done told of the exit status */
export function addOperatorCommands(torwacht: Command, io: Io, done: (code: number) => void): void {
  suggesting(onCluster(torwacht.command('suggest'), { json: false }))
    .description("Print the least policy that would have allowed a job's past runs.")
    .usage('--project ID [--job NAME] [options] | [options] FILE...')
    .option('--runs <number>', 'the last ones, of the history', '20')
    .option('--operator-namespace <name>', 'where the operator is', 'torwacht')
    .argument('[file...]', 'files of events instead of the history; - for standard input')
    .addHelpText(
      'after',
      `
What is known comes from the history that the operator keeps, or from events: files
that torwacht run --output wrote, or the log of agents. Without --project and without
files it lists the jobs of the history.

--replay PATH prints no policy; its exit status is 1 when the policy there would have
refused something that passed.

Examples:
  torwacht suggest --project 4711 --job install --replay > suggested.yaml
  torwacht suggest --project 4711 --replay tightened.yaml
  kubectl -n torwacht logs daemonset/torwacht-agent | torwacht suggest --project 4711 -`,
    )
    .action(async (paths: string[], flags: SuggestCommandFlags) => {
      const { suggestCommand } = await import('./command.ts');
      done(await suggestCommand(paths, flags, io));
    });

  const alerts = torwacht.command('alerts').description('Try alert routes.');
  toCluster(alerts.command('test'))
    .description('Have the operator send a test message to the alert routes of a binding.')
    .requiredOption('--binding <name>', 'the RunnerBinding')
    .option('--route <name>', 'only this route of it')
    .option('--operator-namespace <name>', 'where the operator is', 'torwacht')
    .addHelpText(
      'after',
      `
The exit status is 0 when every receiver took it, 1 when one did not.

Example:
  torwacht alerts test --binding runners -n ci`,
    )
    .action(async (flags: AlertsTestFlags) => {
      const { testAlerts } = await import('./alerts.ts');
      done(await testAlerts(flags, io));
    });
}
