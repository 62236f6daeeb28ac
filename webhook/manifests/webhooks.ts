/** How the API server finds the webhook, and what of all that it does is asked. */
import { webhookConfigurations } from '#api/admission.ts';
import { group, version } from '#api/version.ts';
import { labelledNamespaces, meta, otherNamespaces } from './common.ts';
import { podConditions, podResources, podRules } from './pod-policy.ts';
import { runnerPods } from './variables.ts';

const webhookVersion = 'admissionregistration.k8s.io/v1';

export const SERVICE = { name: 'torwacht-webhook', namespace: 'torwacht' };

/** Each is one path of the server. */
export const paths = {
  pods: '/pods',
  outside: '/outside',
  objects: '/objects',
  inject: '/inject',
} as const;

/** `matchPolicy` Equivalent: another version of the same object is converted, not let through. */
const common = {
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  matchPolicy: 'Equivalent',
};
const client = (path: string) => ({ service: { ...SERVICE, path, port: 443 } });

/** Not there: the check of pods is then for the policy of config/admission-policy alone. */
export const podWebhooks = {
  apiVersion: webhookVersion,
  kind: 'ValidatingWebhookConfiguration',
  metadata: meta(webhookConfigurations.validating[0]),
  webhooks: [
    {
      name: 'pods.torwacht.io',
      clientConfig: client(paths.pods),
      rules: podRules(),
      namespaceSelector: labelledNamespaces,
      matchConditions: podConditions(),
      failurePolicy: 'Fail',
      timeoutSeconds: 5,
      ...common,
    },
    {
      name: 'outside.torwacht.io',
      clientConfig: client(paths.outside),
      rules: [podResources(['CREATE'], ['pods'])],
      namespaceSelector: otherNamespaces,
      // No other pod of the cluster waits for us.
      matchConditions: [runnerPods],
      failurePolicy: 'Fail',
      timeoutSeconds: 5,
      ...common,
    },
  ],
};

export const objectWebhooks = {
  apiVersion: webhookVersion,
  kind: 'ValidatingWebhookConfiguration',
  metadata: meta(webhookConfigurations.validating[1]),
  webhooks: [
    {
      name: 'objects.torwacht.io',
      clientConfig: client(paths.objects),
      rules: [
        {
          apiGroups: [group],
          apiVersions: [version],
          operations: ['CREATE', 'UPDATE'],
          resources: ['egresspolicies', 'clusteregresspolicies', 'runnerbindings'],
          scope: '*',
        },
      ],
      failurePolicy: 'Fail',
      timeoutSeconds: 5,
      ...common,
    },
  ],
};

/** What it does not put in, the check refuses: it may fail open. */
export const injection = {
  apiVersion: webhookVersion,
  kind: 'MutatingWebhookConfiguration',
  metadata: meta(webhookConfigurations.mutating[0]),
  webhooks: [
    {
      name: 'inject.torwacht.io',
      clientConfig: client(paths.inject),
      rules: [podResources(['CREATE'], ['pods'])],
      namespaceSelector: labelledNamespaces,
      failurePolicy: 'Ignore',
      reinvocationPolicy: 'IfNeeded',
      timeoutSeconds: 3,
      ...common,
    },
  ],
};
