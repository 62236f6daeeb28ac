/** The `torwacht` command. */
import { endWithReaders } from './readers.ts';
import { beginEarly } from './run/early.ts';

const [command] = process.argv.slice(2);
endWithReaders(command === 'run');
beginEarly(process.argv.slice(2));
const { runCommandLine } = await import('./program.ts');

const colours = (stream: NodeJS.WriteStream) => stream.isTTY === true && !process.env.NO_COLOR;
const isPlugin = process.env.TORWACHT_CALLED_AS === 'kubectl-torwacht';
delete process.env.TORWACHT_CALLED_AS;

process.exitCode = await runCommandLine(process.argv.slice(2), {
  io: { stdout: process.stdout, stderr: process.stderr, colour: colours(process.stdout) },
  style: { colour: colours(process.stderr) },
  isPlugin,
});
