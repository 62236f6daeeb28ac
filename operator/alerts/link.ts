/** Links to GitLab. A job chooses much of what is said of it: a link leads to the binding's own GitLab or nowhere. */
import { projectId } from '#api/egress-policy.ts';
import type { EgressEvent } from '#api/event.ts';
import { isJobUrl } from '#policy/job-url.ts';

/** @param gitlab `spec.gitlab.url` of the binding */
function projectLink(gitlab: string | undefined, project: string | null): string | null {
  const base = gitlab === undefined ? null : URL.parse(gitlab);
  if (base === null || (base.protocol !== 'https:' && base.protocol !== 'http:')) return null;
  if (!projectId.safeParse(project).success) return null;
  return `${base.origin}${base.pathname.replace(/\/+$/, '')}/projects/${project}`;
}

/** The job's page where it is one of that GitLab, else the project's. */
export function jobLink(
  gitlab: string | undefined,
  { project_id, job_url }: Pick<EgressEvent, 'project_id' | 'job_url'>,
): string | null {
  if (gitlab !== undefined && job_url !== null && isJobUrl(gitlab, job_url)) return job_url;
  return projectLink(gitlab, project_id);
}
