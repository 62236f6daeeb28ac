/**
 * The stages that run inside the pod, as shell scripts. Sources are not fetched: the job says GIT_STRATEGY
 * none, and what the real runner prints then is printed.
 */
import { type Job, type Runner, variableOf } from '../job.ts';
import { projectDir } from '../pod/environment.ts';
import { green } from './log.ts';

export interface Stage {
  readonly name: string;
  readonly container: 'build' | 'helper';
  /** Null: a part of another section. */
  readonly title: string;
  readonly script: string;
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const say = (line: string): string => `printf '%s\\n' ${quote(line)}`;

/** @throws Error for a job whose sources would have to be fetched */
export function stages(job: Job, runner: Runner): readonly Stage[] {
  if (variableOf(job, 'GIT_STRATEGY') !== 'none') {
    throw new Error('This fake runner fetches no sources: set the variable GIT_STRATEGY to none.');
  }
  const folder = quote(projectDir(job, runner));
  const secrets = job.variables
    .filter((variable) => !variable.public && /^[A-Za-z_]\w*$/.test(variable.key))
    .map(({ key, value }) => `export ${key}=${quote(value)}`);
  return [
    {
      name: 'prepare_script',
      container: 'helper',
      title: 'Preparing environment',
      script: lines(`echo "Running on $(hostname) via "${quote(runner.hostname)}"..."`),
    },
    {
      name: 'get_sources',
      container: 'helper',
      title: 'Getting source from Git repository',
      script: lines(
        // The build container may have another user.
        `mkdir -p ${folder}`,
        `chmod 777 ${folder}`,
        ...['repository setup', 'checkout', 'submodules setup'].map((what) =>
          say(green(`Skipping Git ${what}`)),
        ),
      ),
    },
    {
      name: 'step_script',
      container: 'build',
      title: 'Executing "step_script" stage of the job script',
      script: lines(
        ...secrets,
        `cd ${folder}`,
        ...job.script.flatMap((command) => [say(green(`$ ${command}`)), command]),
      ),
    },
    {
      name: 'cleanup_file_variables',
      container: 'helper',
      title: 'Cleaning up project directory and file based variables',
      script: lines(),
    },
  ];
}

/** Ends at the first command that fails; a pipe's status is its first failure's where the shell can. */
function lines(...commands: readonly string[]): string {
  const settings = [
    'if set -o | grep pipefail > /dev/null; then set -o pipefail; fi',
    'set -o errexit',
  ];
  return `${[...settings, ...commands, 'exit 0'].join('\n')}\n`;
}
