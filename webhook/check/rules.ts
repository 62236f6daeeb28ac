/** All rules in their order: the first that refuses is the one that a policy names. */
import { barrierRules } from './rules/barrier.ts';
import { containerRules } from './rules/container.ts';
import { identityRules } from './rules/identity.ts';
import { nodeRules } from './rules/node.ts';
import type { Rule } from './rules/rule.ts';

export const rules: readonly Rule[] = [
  ...identityRules,
  ...barrierRules,
  ...nodeRules,
  ...containerRules,
];
