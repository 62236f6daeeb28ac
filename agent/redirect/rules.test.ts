import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constantAddress } from '#policy/cidr.ts';
import { redirectRules } from './rules.ts';
import { rulesetText } from './testing/ruleset-text.ts';

const nested = constantAddress('10.0.0.2');

test('queries of the namespace are led to the resolver; what comes in by an uplink is not', () => {
  const rules = rulesetText(redirectRules(['eth0', 'net1'], nested));
  for (const protocol of ['tcp', 'udp']) {
    assert.match(rules, new RegExp(`${protocol} dport 53 redirect to :15353\n`));
    assert.match(rules, new RegExp(`${protocol} dport 53 dnat ip to 10\\.0\\.0\\.2:15353\n`));
  }
  const returns = ['lo', 'eth0', 'net1'].map((link) => `iifname "${link}" return`);
  assert.match(rules, new RegExp(`accept;\n\\s*${returns.join('\n\\s*')}\n\\s*tcp dport 53 dnat`));
});

test('without an address of its own there is nowhere to lead nested containers to', () => {
  assert.doesNotMatch(rulesetText(redirectRules(['eth0'], null)), /prerouting/);
});
