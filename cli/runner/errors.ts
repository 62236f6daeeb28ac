/** Errors of `torwacht runner`. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  unreadable: {
    code: 'TW_RUNNER_UNREADABLE',
    message: '{path} cannot be read: {reason}',
    hint: "Name GitLab Runner's config.toml, the values of its Helm chart, or a ConfigMap with a config.toml; - is standard input.",
    exit: 'usage',
  },
  config: {
    code: 'TW_RUNNER_CONFIG',
    message: '{path} is no configuration of GitLab Runner: {reason}',
    hint: 'GitLab Runner would not start with it, or would not read that part; mend it there first.',
    exit: 'policy',
  },
  noRunner: {
    code: 'TW_RUNNER_NO_RUNNER',
    message: '{path} has no runner {name}.',
    hint: 'It has: {known}.',
    exit: 'usage',
  },
  document: {
    code: 'TW_RUNNER_BINDING',
    message: '{path} is not sound:\n{list}',
    hint: '`torwacht policy check` lists all that is wrong with it.',
    exit: 'policy',
  },
  whichBinding: {
    code: 'TW_RUNNER_WHICH_BINDING',
    message: '{count} in {where}; it is not said which one this runner is for.',
    hint: 'Choose one with --name, or with --namespace the namespace that its jobs run in. There: {known}.',
    exit: 'usage',
  },
  noTemplate: {
    code: 'TW_RUNNER_NO_TEMPLATE',
    message: '{title} does not say what the barrier is.',
    hint: 'Add spec.barrier with its images (docs/admission.md); until then admission lets no pod of the namespace start.',
    exit: 'policy',
  },
  image: {
    code: 'TW_RUNNER_IMAGE',
    message: '{problem}',
    hint: 'spec.barrier.images of {title} allows: {known}.',
    exit: 'usage',
  },
  namespace: {
    code: 'TW_RUNNER_NAMESPACE',
    message: '{problem}',
    hint: 'Name one with --namespace. {title} governs: {known}.',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorSpec>;
