/** Where jobs run, how long the runner waits for them, and which GitLab they are from. */
import { namespacesOf } from '#policy/select.ts';
import { documentTitle, namespaceOf } from '#policy/title.ts';
import { type Finding, fail, pass, warn } from '../../findings.ts';
import { BEFORE_BARRIER, deadlineOf, POLL_TIMEOUT } from '../settings.ts';
import type { Asked, Check } from './rule.ts';

export const namespace: Check = ({ kubernetes, binding, config }) => {
  const check = 'kubernetes.namespace';
  if (kubernetes.namespace_per_job === true) {
    return [
      fail(
        'kubernetes.namespace_per_job',
        'namespace_per_job is on: each job gets a namespace of its own, which no RunnerBinding governs',
        'Take it out, and set namespace to one that a RunnerBinding governs.',
      ),
    ];
  }
  const own = kubernetes.namespace ?? '';
  if (binding === null) return [];
  const known = namespacesOf(binding);
  const hint = `Set namespace to ${known.join(' or ')}, or name this one in spec.selector.namespaces of the binding.`;
  if (known.includes(own)) {
    return [pass(check, `namespace ${own} is governed by ${documentTitle(binding)}`)];
  }
  if (config.template && (own === '' || own.includes('{{'))) {
    return [warn(check, 'the namespace of jobs is filled in later, and so is not looked at', hint)];
  }
  const sentence =
    own === ''
      ? 'namespace is not set: jobs run in "default"'
      : `namespace ${own} is not governed by ${documentTitle(binding)}`;
  return [fail(check, sentence, hint)];
};

export const pollTimeout: Check = ({ kubernetes, binding }) => {
  const check = 'kubernetes.poll_timeout';
  // 0 is the default, as for GitLab Runner.
  const own = kubernetes.poll_timeout || POLL_TIMEOUT;
  const deadline = deadlineOf(binding?.spec.barrier ?? {});
  const wanted = Math.ceil(deadline) + BEFORE_BARRIER;
  if (own >= wanted) {
    return [pass(check, `poll_timeout ${own} s leaves the barrier its ${deadline} s`)];
  }
  const hint = `Set poll_timeout = ${Math.max(wanted, POLL_TIMEOUT)}, which leaves ${BEFORE_BARRIER} s for the node and the image.`;
  return own <= deadline
    ? [
        fail(
          check,
          `the runner gives up after ${own} s, the barrier only after ${deadline} s`,
          hint,
        ),
      ]
    : [warn(check, `poll_timeout ${own} s is little more than the barrier's ${deadline} s`, hint)];
};

/** Jobs fetch their sources from these; everything else is for policies to allow. */
export const instance: Check = ({ runner, binding, config }) => {
  if (binding === null) return [];
  const title = documentTitle(binding);
  const gitlab = binding.spec.gitlab;
  if (gitlab === undefined) {
    return [
      warn(
        'url',
        `${title} names no GitLab instance: jobs fetch no sources unless policies allow it`,
        'Add spec.gitlab.url to the binding.',
      ),
    ];
  }
  const hosts = [hostOf(gitlab.url), ...(gitlab.extraHosts ?? []).map(({ host }) => host)];
  const findings: Finding[] = [];
  for (const setting of ['url', 'clone_url'] as const) {
    const own = runner[setting];
    if (own === undefined || (config.template && own.includes('{{'))) continue;
    const host = hostOf(own);
    findings.push(
      host !== null && hosts.includes(host)
        ? pass(setting, `${setting} is at ${host}, which every job may reach`)
        : fail(
            setting,
            `${setting} is at ${host ?? own}, which ${title} does not open: jobs cannot fetch their sources`,
            `Make spec.gitlab of the binding name it (url, or extraHosts); it has ${hosts.join(', ')}.`,
          ),
    );
  }
  return findings;
};

function hostOf(url: string): string | null {
  return URL.parse(url)?.hostname ?? null;
}

/** Labels and annotations are believed of those alone. */
export const manager: Check = ({ binding, kubernetes }: Asked) => {
  if (binding === null) return [];
  const runners = binding.spec.runners ?? [];
  const title = documentTitle(binding);
  if (runners.length === 0) {
    return [
      fail(
        'binding.runners',
        `${title} names no runners: admission refuses the labels that GitLab Runner gives its pods`,
        'Add the service account of the runner manager to spec.runners.',
      ),
    ];
  }
  const accounts = runners.map(
    ({ namespace: place = namespaceOf(binding), serviceAccount }) => `${place}/${serviceAccount}`,
  );
  const own = (['host', 'bearer_token', 'cert_file'] as const).find((name) => kubernetes[name]);
  if (own !== undefined) {
    return [
      warn(
        'kubernetes.host',
        `${own} is set: pods are made in the name of other credentials than the manager's service account`,
        `They must be those of ${accounts.join(' or ')}, or labels of its pods are refused.`,
      ),
    ];
  }
  return [
    pass(
      'binding.runners',
      `the manager must run as ${accounts.join(' or ')}, which ${title} lets say what pods are`,
    ),
  ];
};
