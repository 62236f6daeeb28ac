import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redirectRules } from './rules.ts';

test('queries of the namespace are led to the resolver; what comes in by an uplink is not', () => {
  const rules = redirectRules(['eth0', 'net1'], '10.0.0.2');
  assert.match(rules, /th dport 53 redirect to :15353/);
  assert.match(rules, /iifname \{ "lo", "eth0", "net1" \} return\n/);
  assert.match(rules, /th dport 53 dnat ip to 10\.0\.0\.2:15353/);
});

test('without an address of its own there is nowhere to lead nested containers to', () => {
  assert.doesNotMatch(redirectRules(['eth0'], null), /prerouting/);
});

test('the table is written anew in one transaction, and no other is named', () => {
  const tables = redirectRules([], null).match(/table \S+ \S+/g);
  assert.deepEqual([...new Set(tables)], ['table inet torwacht']);
  assert.match(
    redirectRules([], null),
    /^\ntable inet torwacht\ndelete table inet torwacht\ntable inet/,
  );
});
