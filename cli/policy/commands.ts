/** What can be said behind `torwacht policy`. */
import { type Command, Option } from 'commander';
import type { PolicyTestFlags } from '../policy-test/run.ts';
import { suggesting } from '../suggest/commands.ts';
import type { SuggestFlags } from '../suggest/suggest.ts';
import { checkPolicies } from './check.ts';
import { type ExplainFlags, explainDestination, protocolNames } from './explain.ts';
import type { Io } from './io.ts';
import { showPresets } from './presets.ts';
import { suggestFromEvents } from './suggest.ts';

/** @param done told of the exit status */
export function addPolicyCommands(torwacht: Command, io: Io, done: (code: number) => void): void {
  const policy = torwacht.command('policy').description('Look at policies without enforcing them.');
  policy
    .command('check')
    .description('Check policy documents: every problem with file, line, column and field.')
    .argument('<path...>', 'files or folders')
    .option('--json', 'print a JSON object')
    .action((paths: string[], flags: { json?: boolean }) =>
      done(checkPolicies([...(flags.json ? ['--json'] : []), '--', ...paths], io)),
    );
  policy
    .command('presets')
    .description('List the presets that policies can name, or show one.')
    .argument('[name]')
    .option('--json', 'print a JSON object')
    .action((name: string | undefined, flags: { json?: boolean }) =>
      done(showPresets([...(flags.json ? ['--json'] : []), '--', ...(name ? [name] : [])], io)),
    );

  policy
    .command('explain')
    .description('Tell which rule decides about a destination, and why.')
    .usage('--policy FILE|DIR [options] DESTINATION')
    .requiredOption('-p, --policy <path>', 'file or folder of EgressPolicy documents')
    .option('--project <id>', 'GitLab project id, for selectors')
    .option('--job <name>', 'job name, for selectors')
    .option('--process <name>', 'who would ask; no rule tells processes apart')
    .addOption(new Option('--protocol <name>', 'what is asked about').choices(protocolNames))
    .option('--json', 'print a JSON object')
    .argument('<destination>', 'name, address, either with a port, or URL')
    .addHelpText(
      'after',
      `
Nothing is looked up and nothing is sent. Rules count for all processes of a job
alike, which is what --process is told. The exit status is 0 when it is allowed,
1 when it is refused.

Examples:
  torwacht policy explain --policy policy.yaml registry.npmjs.org
  torwacht policy explain --policy policy.yaml --job deploy udp://192.0.2.7:514`,
    )
    .action((text: string, flags: ExplainFlags) => done(explainDestination(text, flags, io)));

  policy
    .command('test')
    .description('Test policies: what they are to allow and to deny, and for whom.')
    .option('--json', 'print a JSON object')
    .option('--junit <file>', 'write the results as JUnit XML as well')
    .argument('<path...>', 'files of PolicyTest documents, or folders of such files')
    .addHelpText(
      'after',
      `
Nothing is looked up and nothing is sent. The exit status is 0 when all is as
expected, 1 when something is not, 3 when a test or a policy is not sound.

Examples:
  torwacht policy test tests/web.yaml
  torwacht policy test tests --junit report.xml`,
    )
    .action(async (paths: string[], flags: PolicyTestFlags) => {
      const { testPolicies } = await import('../policy-test/run.ts');
      done(testPolicies(paths, flags, io));
    });

  suggesting(policy.command('suggest'))
    .description('Print the least policy that would have allowed what runs were seen to do.')
    .argument('<file...>', 'files that torwacht run --output wrote; - for standard input')
    .addHelpText(
      'after',
      `
The selector names project and job where all events have the same. --replay PATH
prints no policy; its exit status is 1 when the policy there would have refused
something that passed.

Example:
  torwacht policy suggest monday.jsonl tuesday.jsonl > suggested.yaml`,
    )
    .action((paths: string[], flags: SuggestFlags) => done(suggestFromEvents(paths, flags, io)));
}
