/** What can be said behind `torwacht admission`; the check itself is loaded when it is asked for. */
import type { Command } from 'commander';
import type { Io } from '../policy/io.ts';
import type { AdmissionFlags } from './test-pods.ts';

/** @param done told of the exit status */
export function addAdmissionCommands(
  torwacht: Command,
  io: Io,
  done: (code: number) => void,
): void {
  const admission = torwacht
    .command('admission')
    .description('Look at what comes into an enforced namespace.');
  admission
    .command('test')
    .description('Judge pods in a file as the webhook would.')
    .requiredOption('-f, --file <path>', 'YAML or JSON with pods; - for standard input')
    .option('--binding <path>', 'file or folder with the RunnerBinding')
    .option('-n, --namespace <name>', 'where the pods would be made; their own when omitted')
    .option('--as <user>', "who would make them; the binding's first runner when omitted")
    .option('--json', 'print a JSON object')
    .addHelpText(
      'after',
      `
No cluster is asked. A RunnerBinding may also stand in the file of the pods. The exit
status is 0 when all are accepted, 1 when one is refused, 3 when a document is not sound.

Examples:
  torwacht admission test -f pod.yaml --binding binding.yaml
  kubectl -n ci get pods -o yaml | torwacht admission test -f - --binding binding.yaml`,
    )
    .action(async (flags: AdmissionFlags) => {
      const { testAdmission } = await import('./test-pods.ts');
      done(testAdmission(flags, io));
    });
}
