/** Values that cannot be used are refused, by words that say which and what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHART, flags, helm, template, type Values } from './helm.ts';

const long = (letter: string): string => `sha256:${letter.repeat(64)}`;

/** By the schema, and before any template is rendered. */
const bySchema: readonly (readonly [what: string, values: Values, says: RegExp])[] = [
  ['a name that there is not', { agnet: 1 }, /additional properties 'agnet' not allowed/],
  [
    'the same further down',
    { 'agent.image.tga': '1' },
    /at '\/agent\/image': additional properties 'tga' not allowed/,
  ],
  [
    'a number for a word',
    { 'agent.image.tag': 1 },
    /'\/agent\/image\/tag': got number, want string/,
  ],
  [
    'a word for a flag',
    { 'admission.guard': 'yes' },
    /'\/admission\/guard': got string, want bool/,
  ],
  [
    'a word that is none of those known',
    { 'admission.pods': 'maybe' },
    /'\/admission\/pods': value must be one of 'webhook', 'policy', 'both', 'none'/,
  ],
  ['no replica', { 'operator.replicas': 0 }, /'\/operator\/replicas': minimum: got 0, want 1/],
  [
    'half a replica',
    { 'webhook.replicas': 1.5 },
    /'\/webhook\/replicas': got number, want integer/,
  ],
  ['a port beyond the last', { 'agent.listenPort': 65_536 }, /maximum: got 65,?536, want 65,?535/],
  [
    'a text for a list',
    { 'agent.upstreams': '192.0.2.1' },
    /'\/agent\/upstreams': got string, want array/,
  ],
  [
    'a place for the history that is none',
    { 'operator.history.place': 'sqlite' },
    /'\/operator\/history\/place': value must be one of 'pod', 'volume', 'postgres', 'none'/,
  ],
  ['no port of the API server', { 'networkPolicy.apiServerPorts': [] }, /minItems: got 0, want 1/],
  [
    'a toleration with a word of its own',
    { 'operator.tolerations': [{ key: 'a', operater: 'Exists' }] },
    /'\/operator\/tolerations\/0': additional properties 'operater' not allowed/,
  ],
  [
    'a request of another kind than those of Kubernetes',
    { 'agent.resources': { request: { cpu: 1 } } },
    /'\/agent\/resources': additional properties 'request' not allowed/,
  ],
];

/** What a schema cannot say, or not in words that help. */
const byTemplate: readonly (readonly [what: string, values: Values, says: RegExp])[] = [
  [
    'a digest that is none',
    { 'agent.image.digest': 'abc' },
    /agent\.image\.digest is "abc"\. Write sha256: and 64 hexadecimal digits/,
  ],
  [
    'a short digest',
    { 'barrier.image.digest': long('a').slice(0, -1) },
    /barrier\.image\.digest is/,
  ],
  [
    'a registry with its protocol',
    { 'image.registry': 'https://registry.example.com' },
    /without https:\/\/ before/,
  ],
  ['a registry that ends in /', { 'image.registry': 'registry.example.com/' }, /without \/ behind/],
  [
    'a tag in the name',
    { 'operator.image.repository': 'torwacht-operator:2' },
    /operator\.image\.repository is a name alone\..*operator\.image\.tag/,
  ],
  ['a host for an address', { 'agent.listenAddress': 'localhost' }, /Write an IPv4 address/],
  [
    'monitors of what nobody can ask',
    { 'monitoring.create': true },
    /Set agent\.listenAddress=0\.0\.0\.0 too/,
  ],
  ['a folder from nowhere', { 'agent.containerdFolder': 'run/containerd' }, /Write the whole path/],
  [
    'a barrier that is put in and not asked for',
    { 'admission.pods': 'none', 'admission.inject': true },
    /Set admission\.pods to webhook, policy or both/,
  ],
  [
    'secrets of no output',
    { 'agent.outputsSecret': 'siem' },
    /none of agent\.outputs names a file/,
  ],
  [
    'an output of another kind',
    { 'agent.outputs': ['stdout', 'operator:/folder'] },
    /agent\.outputs has "operator:\/folder"\. Write stdout/,
  ],
  [
    'authorities in two places',
    { 'privateCA.configMap': 'a', 'privateCA.secret': 'b' },
    /Leave privateCA\.configMap or privateCA\.secret away/,
  ],
  ['authorities under no key', { 'privateCA.key': '' }, /Write which key holds the certificates/],
  [
    'a taint with its effect',
    { 'operator.startupTaint': 'torwacht.io/agent-not-ready:NoSchedule' },
    /Write the key of a taint alone/,
  ],
  [
    'a taint that would be words of CEL',
    { 'operator.startupTaint': "torwacht.io/a' || true" },
    /Write the key of a taint alone/,
  ],
  [
    'a taint that others mean something by',
    { 'operator.startupTaint': 'node.kubernetes.io/not-ready' },
    /a taint of Kubernetes itself/,
  ],
  [
    'one volume for two replicas',
    { 'operator.history.place': 'volume' },
    /Set operator\.replicas=1, or operator\.history\.place=postgres/,
  ],
  [
    'a database without its URL',
    { 'operator.history.place': 'postgres' },
    /Name it in operator\.history\.postgres\.secret/,
  ],
  [
    'a URL of no database',
    { 'operator.history.postgres.secret': 'db' },
    /operator\.history\.postgres is for operator\.history\.place=postgres/,
  ],
  [
    'a claim for no volume',
    { 'operator.history.volume.claim': 'ours' },
    /operator\.history\.volume is for operator\.history\.place=volume/,
  ],
  [
    'a database that nobody can reach',
    {
      'operator.history': { place: 'postgres', postgres: { secret: 'db' } },
      'networkPolicy.create': true,
    },
    /Let it out there with networkPolicy\.operatorTo/,
  ],
  [
    'an issuer for nobody',
    { 'certificates.issuer.name': 'ours' },
    /Set certificates\.source=cert-manager/,
  ],
];

for (const [what, values, says] of [...bySchema, ...byTemplate]) {
  test(`${what} is refused: ${JSON.stringify(values)}`, () => {
    const { status, stderr, stdout } = template({ values });
    assert.equal(status, 1, stdout.slice(0, 200));
    assert.match(stderr, says);
  });
}

test('all that is wrong is told at once', () => {
  const values = { 'agent.image.digest': 'a', 'image.registry': 'b/', 'monitoring.create': true };
  const { stderr } = template({ values });
  for (const said of [/image\.digest is "a"/, /image\.registry is "b\/"/, /listenAddress=/]) {
    assert.match(stderr, said);
  }
});

test('namespaces of others are refused', () => {
  for (const namespace of ['default', 'kube-system']) {
    const { status, stderr } = template({ namespace });
    assert.equal(status, 1);
    assert.match(stderr, /is not for Torwacht.*--namespace torwacht --create-namespace/);
  }
});

test('a Kubernetes that is too old is refused', () => {
  const old = helm(['template', 'torwacht', CHART, ...flags({}), '--kube-version=1.29.9']);
  assert.equal(old.status, 1);
  assert.match(old.stderr, /requires kubeVersion: >=1\.30/);
  const oldest = helm(['template', 'torwacht', CHART, ...flags({}), '--kube-version=1.30.0']);
  assert.equal(oldest.status, 0, oldest.stderr);
});

test('values of a parent chart pass', () => {
  const { status, stderr } = template({ values: { global: { anything: { of: 'theirs' } } } });
  assert.equal(status, 0, stderr);
});
