/** The whole command line: what can be said on it, and how its errors look. */
import { Argument, Command, CommanderError, Help, Option } from 'commander';
import { exitCodes, TorwachtError } from '#api/error.ts';
import { presets } from '#policy/presets.ts';
import { addAdmissionCommands } from './admission/commands.ts';
import { cleanup } from './cleanup.ts';
import { addClusterCommands } from './cluster/commands.ts';
import { completionScript, completionWords, type Shell, shells } from './completion.ts';
import { addDoctorCommand } from './doctor/commands.ts';
import { addPolicyCommands } from './policy/commands.ts';
import { type Io, printable } from './policy/io.ts';
import type { Style } from './run/present.ts';
import { type RunFlags, readRequest } from './run/request.ts';
import { run } from './run/run.ts';
import { addRunnerCommands } from './runner/commands.ts';
import { addOperatorCommands } from './suggest/commands.ts';
import { version } from './version.ts';

/** Exit status of `torwacht run` when it failed itself, whatever the reason; the command has the others. */
const RUN_FAILED = 125;

const list = (value: string, before: string[] = []) => [...before, value];

const presetNames = { 'torwacht policy presets': [...presets.keys()] };

const printableLines = (text: string) => text.split('\n').map(printable).join('\n');

export interface CommandLine {
  readonly io: Io;
  /** Of what is told on standard error while a command runs. */
  readonly style: Style;
  /** kubectl finds its plugins by the name of their file, and people type it as a word of kubectl. */
  readonly isPlugin?: boolean;
}

const pluginHelp = {
  commandUsage: (command: Command) => `kubectl ${new Help().commandUsage(command)}`,
};

/** The program; `done` is told of the exit status of a command that ran. */
export function program(
  { io, style, isPlugin = false }: CommandLine,
  done: (code: number) => void,
): Command {
  const torwacht = new Command('torwacht')
    .description('Default-deny egress for commands and CI jobs, enforced in the kernel.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .configureHelp(isPlugin ? pluginHelp : {})
    .enablePositionalOptions()
    .showHelpAfterError('(try --help)')
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(printableLines(text)),
    })
    .exitOverride();

  torwacht
    .command('run')
    .description('Run a command that can reach only what a policy allows.')
    .usage('--policy FILE|DIR [options] -- COMMAND [ARGUMENT...]')
    .option('-p, --policy <path>', 'file or folder of EgressPolicy documents')
    .option('--observe', 'record what would be refused, and let it pass')
    .option('--json', 'write one JSON event per line to standard error')
    .option('-o, --output <file>', 'write the JSON events to this file as well')
    .option('--suggest <file>', 'write a policy that would have allowed what was seen')
    .option('--project <id>', 'GitLab project id, for selectors and rows')
    .option('--job <name>', 'job name, for selectors and rows')
    .option('--upstream <address>', 'ask this DNS server (repeatable)', list)
    .option('--user <name>', 'run the command as this user')
    .option('--allow-read <path>', 'show it a path below /tmp (repeatable)', list)
    .option('--allow-write <path>', 'let the command write here (repeatable)', list)
    .option('--allow-socket <path>', 'let it use this Unix socket (repeatable)', list)
    .option('--allow-cap <name>', 'let it keep this capability (repeatable)', list)
    .option('--allow-family <name>', 'let it open sockets of this family (repeatable)', list)
    .addOption(new Option('--allow-io-uring', 'let it use io_uring'))
    .addOption(new Option('--allow-user-namespaces', 'let it make user namespaces'))
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
The exit status is the command's; 125 when torwacht itself failed, 126 when the
command cannot be executed, 127 when it is not found.

Examples:
  torwacht run --policy policy.yaml -- npm ci
  torwacht run --policy policy.yaml --observe -- make test
  torwacht run --policy policy.yaml --observe --suggest new.yaml -- npm ci`,
    )
    .action(async (command: string[], flags: RunFlags) => {
      done(await run(readRequest(command, flags, { version, style })));
    });

  addPolicyCommands(torwacht, io, done);
  addAdmissionCommands(torwacht, io, done);
  addRunnerCommands(torwacht, io, done);
  addClusterCommands(torwacht, io, done);
  addOperatorCommands(torwacht, io, done);
  addDoctorCommand(torwacht, io, done);

  torwacht
    .command('cleanup')
    .description('Remove what runs left that were killed; processes that still live stay held.')
    .option('--force', 'end such processes as well')
    .action(async (flags: { force?: boolean }) => done(await cleanup(flags.force === true, io)));

  torwacht
    .command('completion')
    .description('Print a script that completes this command in a shell.')
    .addArgument(new Argument('<shell>', 'the shell that reads it').choices(shells))
    .addHelpText('after', '\nBash, for this shell:\n  source <(torwacht completion bash)')
    .action((shell: Shell) => {
      io.stdout.write(completionScript(torwacht, shell, { words: presetNames }));
    });

  torwacht
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action((words: string[]) => {
      io.stdout.write(completionWords(torwacht, words, { words: presetNames }));
    });

  return torwacht;
}

function tell(error: unknown, running: boolean, { stderr }: Io): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? 0 : running ? RUN_FAILED : exitCodes.usage;
  }
  if (error instanceof TorwachtError) {
    const [first, ...rest] = error.message.split('\n');
    stderr.write(`torwacht: ${printable(first ?? '')} [${error.code}]\n`);
    for (const line of rest) stderr.write(`${printable(line)}\n`);
    for (const line of error.hint.split('\n')) stderr.write(`  ${printable(line)}\n`);
    return running ? RUN_FAILED : exitCodes[error.exit];
  }
  stderr.write(`torwacht: an error of our own, please report it:\n${(error as Error).stack}\n`);
  return running ? RUN_FAILED : exitCodes.internal;
}

/** Runs a command line to its end, and gives its exit status. Never rejects. */
export async function runCommandLine(argv: readonly string[], line: CommandLine): Promise<number> {
  let status = 0;
  try {
    await program(line, (code) => {
      status = code;
    }).parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    return tell(error, argv[0] === 'run', line.io);
  }
}
