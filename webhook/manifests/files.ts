/** Which file holds which of them. */
import { guardPolicy, guardPolicyBinding, guardRole } from './guard-policy.ts';
import { outsidePolicy, outsidePolicyBinding } from './outside-policy.ts';
import { podPolicy, podPolicyBinding } from './pod-policy.ts';
import { injection, objectWebhooks, podWebhooks } from './webhooks.ts';

/** By path from the root of the repository. */
export const manifests: Readonly<Record<string, readonly object[]>> = {
  'config/webhook/pods.yaml': [podWebhooks],
  'config/webhook/objects.yaml': [objectWebhooks],
  'config/webhook/guard.yaml': [guardPolicy, guardPolicyBinding, guardRole],
  'config/webhook-injection/webhook.yaml': [injection],
  'config/admission-policy/pods.yaml': [podPolicy, podPolicyBinding],
  'config/admission-policy/outside.yaml': [outsidePolicy, outsidePolicyBinding],
};
