/** What the coordinator hands out, and what config.toml says: all that a job's pod is made of. */

export interface Variable {
  readonly key: string;
  readonly value: string;
  /** Only public ones are in the containers' environment. */
  readonly public: boolean;
}

export interface Service {
  readonly image: string;
  readonly alias?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
}

export interface Job {
  readonly id: number;
  readonly name: string;
  readonly ref: string;
  readonly sha: string;
  readonly beforeSha: string;
  readonly projectId: number;
  readonly projectName: string;
  /** Of the repository, perhaps with credentials: the project's path is read from it. */
  readonly repoUrl: string;
  readonly image: string;
  readonly services: readonly Service[];
  /** In the order of precedence: the last of a name holds. */
  readonly variables: readonly Variable[];
  readonly script: readonly string[];
  /** s */
  readonly timeout: number;
}

export interface PodSpecPatch {
  readonly name: string;
  readonly type: 'strategic' | 'merge';
  /** YAML or JSON of a PodSpec. */
  readonly patch: string;
}

/** Regular expressions; empty allows nothing. */
export interface OverwriteAllowed {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podLabels: string;
  readonly podAnnotations: string;
}

export interface Runner {
  readonly name: string;
  /** The first nine characters of the token, behind its prefix. */
  readonly shortToken: string;
  readonly systemId: string;
  readonly version: string;
  readonly revision: string;
  /** Where the manager runs. */
  readonly hostname: string;
  readonly namespace: string;
  readonly helperImage: string;
  readonly buildsDir: string;
  /** Which of the concurrent jobs this is: of the runner, and of the project. */
  readonly concurrentId: number;
  readonly concurrentProjectId: number;
  readonly pullPolicy: '' | 'Never' | 'IfNotPresent' | 'Always';
  readonly serviceAccount: string;
  /** `[runners.feature_flags]`: final, a job cannot change these. */
  readonly featureFlags: Readonly<Record<string, boolean>>;
  readonly podLabels: Readonly<Record<string, string>>;
  readonly podAnnotations: Readonly<Record<string, string>>;
  readonly overwriteAllowed: OverwriteAllowed;
  readonly podSpecs: readonly PodSpecPatch[];
  /** s */
  readonly pollInterval: number;
  readonly pollTimeout: number;
}

/** A configuration in which only the place is left to say. */
export const plainRunner: Runner = {
  name: 'fake',
  shortToken: 't1fakefak',
  systemId: 's_000000000000',
  version: '17.9.0',
  revision: '00000000',
  hostname: 'manager',
  namespace: 'default',
  helperImage: '',
  buildsDir: '/builds',
  concurrentId: 0,
  concurrentProjectId: 0,
  pullPolicy: '',
  serviceAccount: '',
  featureFlags: {},
  podLabels: {},
  podAnnotations: {},
  overwriteAllowed: { namespace: '', serviceAccount: '', podLabels: '', podAnnotations: '' },
  podSpecs: [],
  pollInterval: 3,
  pollTimeout: 180,
};

/** The last of a name; empty where there is none. */
export function variableOf(job: Job, key: string): string {
  return job.variables.findLast((variable) => variable.key === key)?.value ?? '';
}

/** `group/subgroup/project`, from the repository's address. */
export function projectPath(job: Job): string {
  return new URL(job.repoUrl).pathname.replace(/^\//, '').replace(/\.git$/, '');
}

/** Address of the job's page: no variable has a say in it. */
export function jobUrl(job: Job): string {
  const { protocol, host } = new URL(job.repoUrl);
  return `${protocol}//${host}/${projectPath(job)}/-/jobs/${job.id}`;
}
