/** Which Violation a row belongs to: the same one for every agent, every replica and every time. */
import { createHash } from 'node:crypto';
import type { EgressEvent } from '#api/event.ts';
import { longest, SEVERAL } from '#api/violation.ts';
import { field } from './text.ts';

/** The one object of a namespace that counts what found no room of its own. */
export const FOLDED = 'folded';

export interface Identity {
  readonly name: string;
  /** Within its namespace: what one job may have so many of. */
  readonly job: string;
}

/** What is in it decides what is one row: not the pid, not the pod, and of a name no address. */
export function identify(event: EgressEvent): Identity {
  const { project_id, job_name, exe, comm, port, protocol, action, reason, rule, policy } = event;
  const parts = [
    ...[project_id, job_name, exe, comm, destinationOf(event), port, protocol],
    ...[action, reason, rule, policy],
  ];
  const hash = digest(JSON.stringify(parts)).slice(0, 16);
  return { name: `${slug(job_name ?? comm ?? '')}-${hash}`, job: jobOf(event) };
}

export function jobOf({ project_id, job_name }: EgressEvent): string {
  const { project } = field('project', project_id, longest.project);
  const { job } = field('job', job_name, longest.job);
  return jobOfSpec({ project, job });
}

/** The same of what is written. */
export function jobOfSpec({
  project,
  job,
}: {
  readonly project?: string | undefined;
  readonly job?: string | undefined;
}): string {
  return `${project ?? ''}/${job ?? ''}`;
}

/** Beyond its budget a process has one row for all its destinations. */
export function destinationOf({ domain, ip }: EgressEvent): string {
  return domain ?? ip ?? SEVERAL;
}

/** Of a source of rows, as objects remember it. */
export function markOf(source: string): string {
  return digest(source).slice(0, 12);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** For people: what the name begins with. */
function slug(text: string): string {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? ['row'];
  return words.join('-').slice(0, 30).replace(/-$/, '');
}
