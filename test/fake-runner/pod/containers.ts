/** The containers of a job's pod: build, helper, services, and the runner's own init container. */
import type { Job, Runner, Service } from '../job.ts';
import { type EnvVar, environment } from './environment.ts';

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly resources: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: object;
  readonly stdin?: boolean;
}

/** Shared by the containers of the pod: scripts to run, and what they print. */
export const scriptsDir = (job: Job): string => `/scripts-${job.projectId}-${job.id}`;
export const logsDir = (job: Job): string => `/logs-${job.projectId}-${job.id}`;
export const logFile = (job: Job): string => `${logsDir(job)}/output.log`;

/** The first of these that an image has reads commands from standard input. */
const SHELLS = [
  ...['/usr/local/bin/bash', '/usr/bin/bash', '/bin/bash'],
  ...['/usr/local/bin/sh', '/usr/bin/sh', '/bin/sh', '/busybox/sh'],
];

function detectShell(): string {
  const tries = SHELLS.map((shell) => `if [ -x ${shell} ]; then\n\texec ${shell} \n`);
  return `${tries.join('el')}else\n\techo shell not found\n\texit 1\nfi\n\n`;
}

function common(job: Job, runner: Runner, name: string, image: string) {
  return {
    name,
    image,
    ...(runner.pullPolicy === '' ? {} : { imagePullPolicy: runner.pullPolicy }),
    resources: {},
    volumeMounts: [
      { name: 'scripts', mountPath: scriptsDir(job) },
      { name: 'logs', mountPath: logsDir(job) },
      { name: 'repo', mountPath: runner.buildsDir },
    ],
    securityContext: { capabilities: { drop: ['NET_RAW'] } },
  };
}

export function buildContainer(job: Job, runner: Runner): Container {
  return {
    ...common(job, runner, 'build', job.image),
    command: ['sh', '-c', detectShell()],
    env: environment(job, runner),
    stdin: true,
  };
}

export function helperContainer(job: Job, runner: Runner): Container {
  return {
    ...common(job, runner, 'helper', runner.helperImage),
    command: ['sh', '-c', detectShell()],
    stdin: true,
  };
}

export function serviceContainer(
  job: Job,
  runner: Runner,
  service: Service,
  name: string,
): Container {
  return {
    ...common(job, runner, name, service.image),
    ...(service.entrypoint === undefined ? {} : { command: service.entrypoint }),
    ...(service.command === undefined ? {} : { args: service.command }),
    env: environment(job, runner),
    stdin: true,
  };
}

/** Makes the file that all containers, whatever their users, append their output to. */
export function permissionsContainer(job: Job, runner: Runner): Container {
  const log = logFile(job);
  const script = `touch ${log} && (chmod 777 ${log} || exit 0)`;
  return {
    ...common(job, runner, 'init-permissions', runner.helperImage),
    command: ['sh', '-c', script],
  };
}
