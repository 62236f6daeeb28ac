/** The file of `--output`: one JSON event a line. */
import { failure } from '#api/error.ts';
import { openOutput } from '../sandbox/output-file.ts';
import type { SandboxUser } from '../sandbox/user.ts';
import { errors } from './errors.ts';
import { whyPolicy } from './place.ts';

export interface EventsPlace {
  /** Absolute, as is the other. */
  readonly path: string;
  readonly policyPath: string;
  readonly user: Pick<SandboxUser, 'uid' | 'gid' | 'groups'>;
}

/** The open file, emptied; the caller closes it. @throws TW_RUN_EVENTS, TW_RUN_OUTPUT */
export function openEvents({ path, policyPath, user }: EventsPlace): number {
  const reason = whyPolicy(path, policyPath);
  if (reason !== null) throw failure(errors.events, { path, reason });
  return openOutput(path, user);
}
