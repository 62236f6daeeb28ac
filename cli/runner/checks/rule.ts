/** What a check of a runner looks at. */
import type { RunnerBinding } from '#api/runner-binding.ts';
import type { Finding } from '../../findings.ts';
import type { Config, Kubernetes, Runner } from '../read.ts';

export interface Asked {
  readonly runner: Runner;
  readonly kubernetes: Kubernetes;
  /** Null where none was given: then what only a binding can say is not judged. */
  readonly binding: RunnerBinding | null;
  readonly config: Config;
}

/** One idea; as many lines as it has to tell. */
export type Check = (asked: Asked) => readonly Finding[];
