/** One message of a route, before a receiver's own form is given to it. */
import type { Notice } from './groups.ts';
import { type AlertRow, destinationText } from './row.ts';

export interface Message extends Notice {
  /** The same for each try. */
  readonly id: string;
  /** `namespace/name`. */
  readonly binding: string;
  readonly route: string;
  /** Wall time, ms. */
  readonly time: number;
  /** A person asked for it, and nothing has happened. */
  readonly test: boolean;
}

/** @example 'Torwacht refused 3 attempts: install of project 42, evil.example:8000/tcp' */
export function titleOf({ firing, resolved, more, test }: Message): string {
  if (test) return 'Torwacht: a test of this alert route; nothing has happened';
  const [first] = firing;
  const groups = firing.length + more.groups;
  if (first === undefined) {
    if (more.attempts > 0) return `Torwacht refused ${times(more.attempts)} at many destinations`;
    const [over] = resolved;
    const others = resolved.length > 1 ? ` and ${resolved.length - 1} more` : '';
    return over === undefined
      ? 'Torwacht'
      : `Torwacht: no more attempts: ${aboutText(over)}${others}`;
  }
  const attempts = firing.reduce((sum, { count }) => sum + count, 0) + more.attempts;
  const verb = firing.some(({ action }) => action === 'block') ? 'refused' : 'saw and let pass';
  const others = groups > 1 ? ` and ${groups - 1} more` : '';
  return `Torwacht ${verb} ${times(attempts)}: ${aboutText(first)}${others}`;
}

function times(attempts: number): string {
  return attempts === 1 ? '1 attempt' : `${attempts} attempts`;
}

/** @example 'install of project 42, evil.example:8000/tcp' */
function aboutText(row: AlertRow): string {
  const job = row.job_name ?? 'a job';
  const project = row.project_id === null ? '' : ` of project ${row.project_id}`;
  return `${job}${project}, ${destinationText(row)}`;
}

/** What is told by its number alone; empty where nothing is. */
export function moreText({ more }: Message): string {
  if (more.groups === 0 && more.attempts === 0) return '';
  const groups = more.groups === 0 ? 'other destinations' : `${more.groups} more destinations`;
  return `${times(more.attempts)} at ${groups}: kubectl get violations -A`;
}

/** Where the first row's job is; null where no row knows. */
export function linkOf({ firing, resolved }: Message): string | null {
  return [...firing, ...resolved].find(({ job_url }) => job_url !== null)?.job_url ?? null;
}
