/**
 * What can be said to a cluster: `torwacht get`, `explain` and `status`. What does the work is loaded when it is
 * asked for: `torwacht run` starts without a client of Kubernetes.
 */
import { type Command, Option } from 'commander';
import { protocolNames } from '../policy/explain.ts';
import type { Io } from '../policy/io.ts';
import type { LiveExplainFlags } from './explain.ts';
import type { GetFlags, GetPoliciesFlags } from './get-policies.ts';
import type { StatusFlags } from './status-command.ts';

/** @param done told of the exit status */
export function addClusterCommands(torwacht: Command, io: Io, done: (code: number) => void): void {
  const get = torwacht.command('get').description('List what stands in a cluster.');

  toCluster(get.command('policies'))
    .description('List policies, or what holds for a pod or job: objects, and rules in force.')
    .addOption(allNamespaces())
    .option('--pod <name>', 'what holds for this pod')
    .option('--project <id>', 'what holds for jobs of this GitLab project')
    .option('--job <name>', 'of them, what holds for this job')
    .action(async (flags: GetPoliciesFlags) => {
      const { getPolicies } = await import('./get-policies.ts');
      await getPolicies(flags, io);
    });

  toCluster(get.command('bindings'))
    .description('List the RunnerBindings of a namespace, and those that govern it.')
    .addOption(allNamespaces())
    .action(async (flags: GetFlags) => {
      const { getBindings } = await import('./get-bindings.ts');
      await getBindings(flags, io);
    });

  onCluster(get.command('nodes'))
    .description('List the nodes: what each holds of what it has to, and how its agent is.')
    .action(async (flags: GetFlags) => {
      const { getNodes } = await import('./get-nodes.ts');
      await getNodes(flags, io);
    });

  toCluster(torwacht.command('explain'))
    .description('Tell which rule of a cluster decides about a destination, and why.')
    .usage('DESTINATION (--pod NAME | --project ID [--job NAME]) | violation/NAME [options]')
    .option('--pod <name>', 'for this pod')
    .option('--project <id>', 'for jobs of this GitLab project')
    .option('--job <name>', 'of them, for this job')
    .addOption(new Option('--protocol <name>', 'what is asked about').choices(protocolNames))
    .argument('<destination>', 'name, address, either with a port, or URL; or violation/NAME')
    .addHelpText(
      'after',
      `
Of a Violation (\`kubectl get violations\`) it tells who tried what, why that was
refused, and the least policy that would allow it.

The verdict is that of the objects as they stand now; behind it, whether every node
has them. Nothing is looked up and nothing is sent. The exit status is 0 when it is
allowed, 1 when it is refused.

Examples:
  torwacht explain registry.npmjs.org --pod runner-x1-project-4711 -n ci
  torwacht explain https://example.com/x.sh --project 4711 --job build -n ci
  torwacht explain violation/install-6d1f0c9a2be34f57 -n ci`,
    )
    .action(async (text: string, flags: LiveExplainFlags) => {
      const { explainViolation, violationNamed } = await import('./violation.ts');
      const name = violationNamed(text);
      if (name !== undefined) return done(await explainViolation(name, flags, io));
      const { explainLive } = await import('./explain.ts');
      done(await explainLive(text, flags, io));
    });

  toCluster(torwacht.command('status'))
    .description('Tell whether every node holds every binding, and if not, which and why.')
    .option('--wait', 'wait until all is ready')
    .option('--timeout <time>', 'how long to wait: 30s, 5m, 1h', '2m')
    .addHelpText(
      'after',
      `
Of the whole cluster where no namespace is named. The exit status is 0 when all is
ready, 1 when something is not.

Example:
  torwacht status -n ci --wait --timeout 90s`,
    )
    .action(async (flags: StatusFlags) => {
      const { showStatus } = await import('./status-command.ts');
      done(await showStatus(flags, io));
    });
}

/** The flags of every command that asks a cluster. @param json does it add that flag? */
export function onCluster(command: Command, { json } = { json: true }): Command {
  command
    .option('--kubeconfig <file>', 'the kubeconfig; $KUBECONFIG or ~/.kube/config when omitted')
    .option('--context <name>', 'the context of it; its current one when omitted');
  return json ? command.option('--json', 'print a JSON object') : command;
}

export function toCluster(command: Command): Command {
  return onCluster(command).option('-n, --namespace <name>', 'the namespace');
}

function allNamespaces(): Option {
  return new Option('-A, --all-namespaces', 'all namespaces').conflicts('namespace');
}
