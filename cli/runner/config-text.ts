/** Settings of a runner as its config.toml, as values of its Helm chart, and as objects of its operator. */
import { stringify as toml } from 'smol-toml';
import { stringify as yaml } from 'yaml';
import { exemptLabel } from '#api/admission.ts';
import { ADVANCED, overwrites, type RunnerSettings } from './settings.ts';

export const targets = ['config', 'helm', 'operator'] as const;
export type Target = (typeof targets)[number];

export function configText(settings: RunnerSettings, target: Target): string {
  return texts[target](settings);
}

const texts: Readonly<Record<Target, (settings: RunnerSettings) => string>> = {
  config: (settings) => `${comment(intro(settings))}${runnerToml(settings)}`,
  helm,
  operator,
};

/** Lines that say where it is from and what is left to do. */
function intro({ title }: RunnerSettings): readonly string[] {
  return [
    `Settings of GitLab Runner for ${title}, made by \`torwacht runner config\`.`,
    'When you change them, let `torwacht runner check` look at what becomes of them.',
  ];
}

const comment = (lines: readonly string[]) => lines.map((line) => `# ${line}\n`).join('');
const value = (content: string | boolean | number | readonly string[]) =>
  toml({ x: content }).trim().replace(/^x = /, '');
const key = (name: string) => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name));

function runnerToml(settings: RunnerSettings): string {
  const { url, namespace, deadline, pollTimeout, podLabels } = settings;
  const labels = Object.entries(podLabels);
  const lines = [
    '[[runners]]',
    ...(url === null ? [] : [`  url = ${value(url)}`]),
    '  executor = "kubernetes"',
    '  # Beside these: name and token, as `gitlab-runner register` writes them.',
    '',
    "  # Here and not in `environment`, where a job's own variables would win.",
    '  [runners.feature_flags]',
    `    ${ADVANCED} = true`,
    '',
    '  [runners.kubernetes]',
    `    namespace = ${value(namespace)}`,
    `    # Seconds until a pod must run. The barrier waits ${deadline} of them at most.`,
    `    poll_timeout = ${pollTimeout}`,
    '    privileged = false',
    '    cap_drop = ["NET_RAW"]',
    '    # What a job may say about where, and as what, its pod runs: nothing.',
    '    namespace_per_job = false',
    ...Object.entries(overwrites).map(([name, content]) => `    ${name} = ${value(content)}`),
    '',
    ...(labels.length === 0
      ? []
      : [
          '    # Without these the binding would not select the pod, and admission refuses it.',
          '    [runners.kubernetes.pod_labels]',
          ...labels.map(([name, content]) => `      ${key(name)} = ${value(content)}`),
          '',
        ]),
    '    # The last of all pod_spec: a later patch puts its new containers before those of an earlier one.',
    '    [[runners.kubernetes.pod_spec]]',
    '      name = "torwacht-barrier"',
    '      patch_type = "strategic"',
    `      patch = ${multiline(yaml(settings.patch))}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** As people would write it, where that can hold it. */
function multiline(text: string): string {
  const literal = !text.includes("'''") && /^[\t\n\x20-\x7e]*$/.test(text);
  return literal ? `'''\n${text}'''` : value(text);
}

/** What of the runner is not said by config.toml. */
function aroundManager({ manager, namespace }: RunnerSettings): readonly string[] {
  if (manager === null) {
    return [
      'The binding names no runners: until spec.runners has the service account of the runner manager,',
      'admission refuses the labels that it gives its pods.',
    ];
  }
  const where = `The runner manager runs in ${manager.namespace} as ${manager.serviceAccount}, which the binding lets say what pods are.`;
  if (manager.namespace === namespace) return [where];
  return [
    where,
    `Its jobs run in ${namespace}: it needs a Role there (pods, pods/attach, pods/exec, secrets, configmaps, services,`,
    'events), bound to that service account.',
  ];
}

/** The chart reads `runners.config` as a template of its own (`tpl`). */
const asTemplate = (text: string) => text.replaceAll('{{', '{{ "{{" }}');

function helm(settings: RunnerSettings): string {
  const { url, manager, managerExempt } = settings;
  const values = {
    ...(url === null ? {} : { gitlabUrl: url }),
    rbac: { create: true },
    serviceAccount: {
      create: true,
      ...(manager === null ? {} : { name: manager.serviceAccount }),
    },
    ...(managerExempt ? { podLabels: { [exemptLabel]: 'true' } } : {}),
    runners: { config: asTemplate(runnerToml(settings)) },
  };
  const where = manager === null ? '' : ` --namespace ${manager.namespace}`;
  return (
    comment([
      ...intro(settings),
      `Values of the chart gitlab/gitlab-runner: helm install gitlab-runner gitlab/gitlab-runner${where} --values FILE`,
      'The token of the runner comes from runnerToken or runners.secret, beside these.',
      ...aroundManager(settings),
    ]) + yaml(values, { lineWidth: 0 })
  );
}

/** Names of what the operator's Runner refers to. */
const CONFIG_MAP = 'torwacht-runner-config';
const ENV_MAP = 'torwacht-runner-env';

function operator(settings: RunnerSettings): string {
  const { url, manager, managerExempt, namespace, pollTimeout } = settings;
  const metadata = (name: string) => ({ name, namespace: manager?.namespace ?? namespace });
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata(CONFIG_MAP),
      data: { 'config.toml': runnerToml(settings) },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata(ENV_MAP),
      // By this name the operator has it (docs of GitLab Runner, executors/kubernetes/troubleshooting).
      data: { KUBERNETES_POLL_TIMEOUT: String(pollTimeout) },
    },
    {
      apiVersion: 'apps.gitlab.com/v1beta2',
      kind: 'Runner',
      metadata: metadata('gitlab-runner'),
      spec: {
        ...(url === null ? {} : { gitlabUrl: url }),
        token: 'gitlab-runner-secret',
        config: CONFIG_MAP,
        env: ENV_MAP,
        ...(manager === null ? {} : { serviceaccount: manager.serviceAccount }),
      },
    },
  ];
  const head = comment([
    ...intro(settings),
    'Objects of the GitLab Runner Operator. Its spec.podSpec patches the manager; pods of jobs are patched by the',
    'ConfigMap. The Secret gitlab-runner-secret holds the token, as its documentation says.',
    ...aroundManager(settings),
    ...(managerExempt
      ? [
          `The manager runs in an enforced namespace: its Deployment needs the pod label ${exemptLabel}: "true"`,
          '(spec.deploymentSpec of the Runner), or a namespace that is not enforced.',
        ]
      : []),
  ]);
  return head + objects.map((object) => yaml(object, { lineWidth: 0 })).join('---\n');
}
