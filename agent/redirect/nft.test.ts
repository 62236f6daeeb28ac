/** What the kernel holds after our bytes, as nft reads it back. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { constantAddress } from '#policy/cidr.ts';
import { applyRules } from './nft.ts';
import { type Chain, redirectRules } from './rules.ts';
import { testNamespace } from './testing/namespace.ts';
import { rulesetText } from './testing/ruleset-text.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const nested = constantAddress('10.0.0.2');

async function namespace(t: TestContext) {
  const { path, run } = await testNamespace(t);
  const nft = (args: readonly string[], input?: string): string => run('nft', args, input);
  return { path, nft, list: () => nft(['--numeric', 'list', 'ruleset']) };
}

for (const [what, chains] of [
  ['without nested containers', redirectRules(['eth0'], null)],
  ['with them', redirectRules(['eth0', 'net1', 'l234567890abcde'], nested, 15354)],
  ['without a link', redirectRules([], nested)],
] as const) {
  test(`the bytes are the rules that the text says, ${what}`, { skip }, async (t) => {
    const [one, other] = [await namespace(t), await namespace(t)];
    await applyRules(one.path, chains);
    other.nft(['-f', '-'], rulesetText(chains));
    assert.match(one.list(), /table inet torwacht/);
    assert.equal(one.list(), other.list());
  });
}

test('written again it is replaced, and nobody else’s table is touched', { skip }, async (t) => {
  const { path, nft, list } = await namespace(t);
  const theirs = 'table inet other {\n\tchain output {\n\t}\n}\n';
  nft(['-f', '-'], theirs);
  await applyRules(path, redirectRules(['eth0'], nested));
  await applyRules(path, redirectRules([], null));
  const text = list();
  assert.ok(text.includes(theirs), text);
  assert.doesNotMatch(text, /prerouting|eth0/);
  assert.equal(text.match(/table inet torwacht/g)?.length, 1);
});

test('what the kernel refuses leaves the table before in force', { skip }, async (t) => {
  const { path, list } = await namespace(t);
  await applyRules(path, redirectRules(['eth0'], nested));
  const before = list();
  // NAT may not come before connection tracking (-200).
  const bad = redirectRules([], null).map((chain): Chain => ({ ...chain, priority: -300 }));
  await assert.rejects(applyRules(path, bad), {
    code: 'TW_REDIRECT_NFT',
    message: /Operation not supported/,
  });
  assert.equal(list(), before);
});

test('a namespace that is gone is an error that names it', { skip }, async () => {
  await assert.rejects(applyRules('/proc/self/ns/none', redirectRules([], null)), {
    code: 'TW_REDIRECT_NFT',
    message: /\/proc\/self\/ns\/none/,
  });
});
