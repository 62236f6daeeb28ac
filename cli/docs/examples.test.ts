import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { egressEventSchema } from '#api/event.ts';
import { compile } from '#policy/compile.ts';
import { parsePolicies } from '#policy/load.ts';
import { policyTestSchema } from '../policy-test/schema.ts';
import { parseRunConfig } from '../sandbox/run-config.ts';
import { blocks, pages } from './blocks.ts';

const identity = { namespace: 'default', project: '4711', job: 'publish-npm' };

test('every YAML example is sound as a whole', () => {
  let policies = 0;
  let configs = 0;
  for (const { place, text } of pages().flatMap((page) => blocks(page, 'yaml'))) {
    if (/^kind: RunConfig$/m.test(text)) {
      parseRunConfig(text, place);
      configs++;
      continue;
    }
    if (/^kind: PolicyTest$/m.test(text)) {
      policyTestSchema.parse(parseYaml(text));
      continue;
    }
    const loaded = parsePolicies([{ file: place, content: Buffer.from(text) }]);
    assert.deepEqual(loaded.problems, []);
    compile(loaded.documents, identity, { ignoreNamespaces: true, trustIdentity: true });
    policies += loaded.documents.length;
  }
  assert.ok(policies >= 5 && configs >= 1, `${policies} policies and ${configs} configurations`);
});

test('every JSON example is an event with all of its fields', () => {
  const fields = Object.keys(egressEventSchema.shape).sort();
  const examples = pages().flatMap((page) => blocks(page, 'json'));
  assert.ok(examples.length >= 5);
  for (const { place, text } of examples) {
    const event = egressEventSchema.parse(JSON.parse(text));
    assert.deepEqual(Object.keys(event).sort(), fields, place);
  }
});
