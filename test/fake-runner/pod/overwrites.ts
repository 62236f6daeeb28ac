/** What a job may change of its pod by variables, where the configuration's expressions allow it. */
import { type Job, type Runner, variableOf } from '../job.ts';

/** `$NAME` and `${NAME}` by the job's variables; unknown ones become empty. */
export function expand(text: string, job: Job): string {
  return text.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, plain?: string) =>
    variableOf(job, braced ?? plain ?? ''),
  );
}

/**
 * Variables `PREFIX_1=key=value` and so on. With no expression they are not looked at; one that does not
 * match fails the job.
 * @throws Error
 */
export function overwritten(job: Job, prefix: string, allowed: string): Record<string, string> {
  if (allowed === '') return {};
  const found: Record<string, string> = {};
  for (const { key, value } of job.variables) {
    if (!key.startsWith(`${prefix}_`)) continue;
    const [, name = '', text = ''] = /^([^=]*)=?(.*)$/s.exec(value) ?? [];
    refuse(allowed, value);
    found[name] = text;
  }
  return found;
}

function refuse(allowed: string, value: string): void {
  if (!new RegExp(allowed).test(value)) {
    throw new Error(`provided value "${value}" does not match "${allowed}"`);
  }
}

function chosen(job: Job, key: string, allowed: string, configured: string): string {
  const value = variableOf(job, key);
  if (allowed === '' || value === '') return configured;
  refuse(allowed, value);
  return value;
}

export function namespaceOf(job: Job, runner: Runner): string {
  const { namespace } = runner.overwriteAllowed;
  return chosen(job, 'KUBERNETES_NAMESPACE_OVERWRITE', namespace, runner.namespace);
}

export function serviceAccountOf(job: Job, runner: Runner): string {
  const { serviceAccount } = runner.overwriteAllowed;
  return chosen(job, 'KUBERNETES_SERVICE_ACCOUNT_OVERWRITE', serviceAccount, runner.serviceAccount);
}
