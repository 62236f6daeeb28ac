/** What can be said to `torwacht doctor`; what does the work is loaded when it is asked for. */
import { type Command, Option } from 'commander';
import { onCluster } from '../cluster/commands.ts';
import type { Io } from '../policy/io.ts';
import type { DoctorFlags } from './doctor.ts';

/** @param done told of the exit status */
export function addDoctorCommand(torwacht: Command, io: Io, done: (code: number) => void): void {
  onCluster(torwacht.command('doctor'))
    .description('Tell whether this host, or a cluster, has what enforcement needs.')
    .option('--cluster', 'look at a cluster in place of this host')
    .addOption(
      new Option('--for <use>', 'what the host is for; both when omitted').choices([
        'run',
        'agent',
      ]),
    )
    .option('--containerd <path>', 'socket of containerd, where it is not the usual one')
    .addHelpText(
      'after',
      `
Nothing is changed: programs are loaded and taken out again, rules are put into a network
namespace that ends with the question, and of a cluster one pod is asked for in a dry run.
The exit status is 0 when no line failed, 1 when one has. Warnings are no failures.

Examples:
  sudo torwacht doctor --for run
  torwacht doctor --cluster --context production`,
    )
    .action(async (flags: DoctorFlags) => {
      const { doctor } = await import('./doctor.ts');
      done(await doctor(flags, io));
    });
}
