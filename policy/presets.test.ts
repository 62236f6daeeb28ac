import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiVersion } from '#api/version.ts';
import { compile } from './compile.ts';
import { judgeName } from './judge-name.ts';
import { formatName, parseName } from './names.ts';
import { presets } from './presets.ts';

const expected = [
  [
    'gitlab-com',
    'gitlab-self-managed',
    'cache-s3',
    'npm',
    'npm-extras',
    'pypi',
    'debian',
    'ubuntu',
  ],
  ['alpine', 'go', 'go-toolchain', 'maven', 'gradle', 'rust', 'ruby', 'nuget', 'composer'],
  ['terraform', 'dockerhub', 'ghcr', 'github-read', 'quay', 'gcr', 'mcr', 'k8s', 'sigstore'],
].flat();

test('the presets are these', () => {
  assert.deepEqual([...presets.keys()], expected);
});

/** Shared hosting and open receivers: whoever is allowed to reach them can reach an attacker's account. */
const never = [
  'evil.amazonaws.com',
  'evil.s3.amazonaws.com',
  'evil.storage.googleapis.com',
  'x.googleapis.com',
  'x.cloudflare.com',
  'gist.githubusercontent.com',
  'api.github.com',
  'x.trycloudflare.com',
  'webhook.site',
  'x.gitlab.io',
  'dns.google',
  'cloudflare-dns.com',
];

for (const preset of presets.values()) {
  test(`the preset ${preset.name} is complete and opens nothing that no preset may`, () => {
    assert.match(preset.name, /^[a-z0-9-]{1,63}$/);
    assert.match(preset.source, /^https:\/\//);
    assert.match(preset.description + preset.caveat, /^[\x20-\x7e]+$/);
    assert.equal(preset.rules.length === 0, preset.instead !== undefined);
    for (const name of preset.rules.flatMap((rule) => rule.fqdn)) {
      const pattern = parseName(name);
      assert.ok(!('message' in pattern), name);
      assert.equal(formatName(pattern), name);
    }
    const policy = compile(
      [
        {
          apiVersion,
          kind: 'EgressPolicy',
          metadata: { name: 'all' },
          spec: { presets: [preset.name] },
        },
      ],
      { namespace: 'default' },
    );
    for (const name of preset.rules.flatMap((rule) => rule.fqdn)) {
      const wanted = name.replace(/^\*{1,2}/, 'x');
      const judged = judgeName(policy, wanted);
      assert.equal(judged.allowed, true, wanted);
      assert.equal(
        policy.rules[judged.rule]?.name,
        `EgressPolicy default/all preset ${preset.name}`,
      );
    }
    for (const name of never) assert.equal(judgeName(policy, name).allowed, false, name);
  });
}
