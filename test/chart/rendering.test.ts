/** What Helm makes of the chart for a matrix of values: whole, labelled, each object once, every image as told. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { ROOT } from '../cluster/names.ts';
import {
  CHART,
  flags,
  helm,
  keyOf,
  type Manifest,
  type Rendering,
  render,
  strings,
} from './helm.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const images = ['agent', 'operator', 'webhook', 'barrier'] as const;
const digests = Object.fromEntries(
  images.map((name, i) => [`${name}.image.digest`, digest(String(i))]),
);
const registry = { 'image.registry': 'registry.example.com:5000/mirror' };

const matrix: Readonly<Record<string, Rendering>> = {
  'as it stands': {},
  'another namespace': { namespace: 'egress' },
  'a namespace that looks like a number': { namespace: '1234' },
  'by digest': { values: digests },
  'by digest from a registry': { values: { ...digests, ...registry } },
  'from a registry': { values: { ...registry, 'image.pullSecrets': ['ours'] } },
  'judged by policy': { values: { 'admission.pods': 'policy' } },
  'judged by policy alone': { values: { 'admission.pods': 'policy', 'admission.objects': false } },
  'judged by both, reporting': {
    values: { 'admission.pods': 'both', 'admission.outside': 'report' },
  },
  injecting: { values: { 'admission.inject': true } },
  'judged by nobody': {
    values: { 'admission.pods': 'none', 'admission.objects': false, 'admission.guard': false },
  },
  'with cert-manager': { values: { 'certificates.source': 'cert-manager' } },
  'with an issuer of cert-manager': {
    values: {
      'certificates.source': 'cert-manager',
      'certificates.issuer': { name: 'ours', kind: 'ClusterIssuer' },
    },
  },
  'with the values of a chart before this one': {
    values: { privateCA: null, 'operator.startupTaint': null, 'monitoring.rules': null },
  },
  'with all that is off': {
    values: {
      'agent.listenAddress': '0.0.0.0',
      'agent.logLevel': 'debug',
      'agent.outputs': ['webhook:https://siem.example.com/in,secret=/etc/torwacht/outputs/siem'],
      'agent.outputsSecret': 'outputs',
      'agent.spoolSizeMiB': 512,
      'agent.sysResource': true,
      'agent.upstreams': ['192.0.2.1', '192.0.2.2:5353'],
      'agent.pod.annotations': { a: 'b' },
      commonLabels: { team: 'platform' },
      'image.pullPolicy': 'Always',
      'monitoring.create': true,
      'monitoring.labels': { release: 'prometheus' },
      'monitoring.dashboards': true,
      'monitoring.rules': true,
      'namespace.create': true,
      'networkPolicy.create': true,
      'networkPolicy.operatorTo': [{ to: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }],
      'networkPolicy.metricsFrom': { 'kubernetes.io/metadata.name': 'monitoring' },
      'operator.affinity': { nodeAffinity: {} },
      'operator.history': {
        place: 'postgres',
        days: 7,
        flows: 5_000_000,
        postgres: { secret: 'db' },
      },
      'operator.logLevel': 'warn',
      'operator.nodeSelector': { pool: 'system' },
      'operator.startupTaint': 'startup-taint.cluster-autoscaler.kubernetes.io/torwacht',
      'priorityClasses.create': true,
      privateCA: { secret: 'company-ca', key: 'bundle.pem' },
      'resourceQuota.create': true,
      'webhook.tolerations': [{ key: 'pool', operator: 'Exists', effect: 'NoSchedule' }],
    },
  },
  'with all that is on turned off': {
    values: {
      'agent.priorityClassName': '',
      'agent.tolerations': [],
      'agent.nodeSelector': { runners: 'true' },
      'crds.install': false,
      'agent.outputs': [],
      'operator.answers': false,
      'operator.history.place': 'none',
      'operator.podDisruptionBudget': false,
      'operator.topologySpread': false,
      'rbac.people': false,
      'uninstall.check': false,
      'webhook.podDisruptionBudget': false,
      'webhook.topologySpread': false,
      'webhook.replicas': 1,
    },
  },
};

/** What has a place in a namespace. */
const inNamespaces = new Set([
  ...[
    'ConfigMap',
    'DaemonSet',
    'Deployment',
    'Job',
    'NetworkPolicy',
    'PersistentVolumeClaim',
    'Pod',
    'PodDisruptionBudget',
  ],
  ...['PodMonitor', 'ResourceQuota', 'Role', 'RoleBinding', 'Secret', 'Service', 'ServiceAccount'],
  ...['ServiceMonitor', 'PrometheusRule', 'Certificate', 'Issuer'],
]);

/** `helm test` sends two pods to another namespace, as a dry run. */
const isOfCheck = ({ kind, metadata }: Manifest): boolean =>
  kind.startsWith('Role') && metadata.name === 'torwacht-check' && kind !== 'ClusterRole';

function imagesOf(objects: readonly Manifest[]): readonly string[] {
  return objects.flatMap((one) =>
    [...strings(one)].filter(([path]) => path.at(-1) === 'image').map(([, text]) => text),
  );
}

const find = (objects: readonly Manifest[], kind: string, name: string): Manifest => {
  const found = objects.find((one) => one.kind === kind && one.metadata.name === name);
  assert.ok(found, `${kind} ${name} is not there`);
  return found;
};
const has = (objects: readonly Manifest[], kind: string, name: string): boolean =>
  objects.some((one) => one.kind === kind && one.metadata.name === name);

for (const [what, rendering] of Object.entries(matrix)) {
  test(`${what}: every object is whole, in its place, and there once`, () => {
    const objects = render(rendering);
    const { namespace = 'torwacht' } = rendering;
    const keys = objects.map(keyOf);
    assert.deepEqual(keys, [...new Set(keys)]);
    assert.ok(has(objects, 'DaemonSet', 'torwacht-agent'));
    for (const one of objects) {
      const { kind, metadata } = one;
      const { labels = {} } = metadata;
      assert.ok(typeof one.apiVersion === 'string' && /^[a-z0-9.-]+$/.test(metadata.name), kind);
      assert.equal(labels['app.kubernetes.io/part-of'], 'torwacht', keyOf(one));
      assert.equal(labels['app.kubernetes.io/managed-by'], 'Helm', keyOf(one));
      assert.equal(labels['helm.sh/chart'], 'torwacht-0.1.0', keyOf(one));
      const place = isOfCheck(one) ? 'default' : namespace;
      assert.equal(metadata.namespace, inNamespaces.has(kind) ? place : undefined, keyOf(one));
      for (const [path, text] of strings({ ...one, metadata: {} })) {
        if (path.at(-1) === 'namespace') assert.equal(text, namespace, path.join('.'));
        assert.doesNotMatch(text, /TORWACHT-|<no value>|%!/, `${keyOf(one)} ${path.join('.')}`);
      }
    }
  });

  test(`${what}: every image is the one that was asked for`, () => {
    const { values = {} } = rendering;
    const all = imagesOf(render(rendering));
    assert.ok(all.length >= 2);
    const before = values['image.registry'];
    for (const image of all) {
      const name = image.replace(`${before}/`, '');
      assert.equal(image.startsWith(`${before}/`), before !== undefined, image);
      assert.match(
        name,
        values['agent.image.digest'] === undefined
          ? /^torwacht-(agent|operator|webhook):0\.1\.0$/
          : /^torwacht-(agent|operator|webhook)@sha256:[012]{64}$/,
      );
    }
  });
}

test('in another namespace, ours is never meant', () => {
  const objects = render({ namespace: 'egress', values: { 'admission.pods': 'both' } });
  const spared = objects.flatMap((one) =>
    [...strings(one)].filter(([, text]) => text === 'kube-system' || text === 'torwacht'),
  );
  // `torwacht` stands for the product in labels and names of kinds, and nowhere in a list of namespaces.
  assert.ok(spared.some(([, text]) => text === 'kube-system'));
  for (const [path, text] of spared) {
    if (text === 'torwacht') assert.ok(!path.includes('values'), path.join('.'));
  }
  const claim = find(objects, 'ValidatingAdmissionPolicy', 'torwacht-node-claim');
  assert.match(JSON.stringify(claim), /system:serviceaccount:egress:torwacht-agent/);
});

test('who judges pods is there, and nobody else', () => {
  const judges = (values: Rendering['values']) => {
    const objects = render(values === undefined ? {} : { values });
    return [
      has(objects, 'ValidatingWebhookConfiguration', 'torwacht-pods'),
      has(objects, 'ValidatingAdmissionPolicy', 'torwacht-pods'),
      has(objects, 'Deployment', 'torwacht-webhook'),
    ];
  };
  assert.deepEqual(judges({}), [true, false, true]);
  assert.deepEqual(judges({ 'admission.pods': 'policy' }), [false, true, true]);
  assert.deepEqual(judges({ 'admission.pods': 'both' }), [true, true, true]);
  const alone = { 'admission.pods': 'policy', 'admission.objects': false };
  assert.deepEqual(judges(alone), [false, true, false]);
});

test('the operator waits for the nodes that the agents are on', () => {
  const objects = render({
    values: { 'agent.nodeSelector': { pool: 'ci', 'kubernetes.io/os': '' } },
  });
  const said = [...strings(find(objects, 'Deployment', 'torwacht-operator'))].map(
    ([, text]) => text,
  );
  assert.ok(said.includes('TORWACHT_NODE_SELECTOR'));
  assert.ok(said.includes('kubernetes.io/os=,pool=ci'), said.join(' '));
});

test('only a startup taint lets the operator patch nodes, that taint alone, and it puts up with it', () => {
  const key = 'startup-taint.cluster-autoscaler.kubernetes.io/torwacht';
  const patching = (values: Rendering['values'] = {}) =>
    render({ values })
      .filter(({ kind }) => kind === 'ClusterRole')
      .flatMap((role) =>
        (role.rules as { resources?: string[]; verbs: string[] }[]).flatMap(
          ({ resources = [], verbs }) =>
            resources.includes('nodes') && verbs.some((verb) => !/^(get|list|watch)$/.test(verb))
              ? [`${role.metadata.name} ${verbs}`]
              : [],
        ),
      );
  assert.deepEqual(patching(), []);
  assert.deepEqual(patching({ 'operator.startupTaint': key }), ['torwacht-startup-taint patch']);
  const objects = render({
    namespace: 'egress',
    values: { 'operator.startupTaint': key, 'operator.tolerations': [{ key: 'pool' }] },
  });
  const policy = find(objects, 'ValidatingAdmissionPolicy', 'torwacht-startup-taint');
  const said = JSON.stringify(policy.spec);
  assert.ok(said.includes(`taint.key != '${key}'`), said);
  assert.ok(said.includes('system:serviceaccount:egress:torwacht-operator'), said);
  const tolerated = (kind: string, name: string): unknown => {
    const [found] = JSON.stringify(find(objects, kind, name)).match(/"tolerations":\[.*?\]/) ?? [];
    return found;
  };
  const both = `"tolerations":[{"key":"pool"},{"key":"${key}","operator":"Exists"}]`;
  assert.equal(tolerated('Deployment', 'torwacht-operator'), both);
  assert.equal(tolerated('Job', 'torwacht-uninstall'), both);
  assert.equal(tolerated('Deployment', 'torwacht-webhook'), undefined);
  assert.ok(!has(render(), 'ValidatingAdmissionPolicy', 'torwacht-startup-taint'));
});

/** Of the only container of a workload. */
function environment(
  kind: string,
  name: string,
  values: Rendering['values'] = {},
): Readonly<Record<string, unknown>> {
  const { spec } = find(render({ values }), kind, name) as unknown as {
    spec: {
      template: {
        spec: { containers: { env: { name: string; value?: string; valueFrom?: object }[] }[] };
      };
    };
  };
  const [container] = spec.template.spec.containers;
  return Object.fromEntries(
    (container?.env ?? []).map(({ name: of, value, valueFrom }) => [of, value ?? valueFrom]),
  );
}

test('rows go to the operator, whatever else they go to', () => {
  const toOperator = 'operator:/var/run/secrets/torwacht-operator';
  const outputs = (...values: string[]) =>
    environment('DaemonSet', 'torwacht-agent', { 'agent.outputs': values }).TORWACHT_OUTPUTS;
  assert.equal(outputs(), toOperator);
  assert.equal(
    outputs('stdout', 'otlp:http://192.0.2.1:4318'),
    `stdout otlp:http://192.0.2.1:4318 ${toOperator}`,
  );
});

test('numbers that are not those of the programs are told them, digit by digit', () => {
  const agent = environment('DaemonSet', 'torwacht-agent', { 'agent.spoolSizeMiB': 999_999 });
  assert.equal(agent.TORWACHT_SPOOL_SIZE, '999999');
  const { TORWACHT_HISTORY_FLOWS, TORWACHT_HISTORY_DAYS, TORWACHT_VIOLATIONS, ...rest } =
    environment('Deployment', 'torwacht-operator', {
      'operator.history': { flows: 1_000_000_000, days: 7 },
      'operator.violations': { perNamespace: 9999, days: 3 },
    });
  assert.deepEqual(
    [TORWACHT_HISTORY_FLOWS, TORWACHT_HISTORY_DAYS, TORWACHT_VIOLATIONS],
    ['1000000000', '7', '9999'],
  );
  assert.equal(rest.TORWACHT_VIOLATION_DAYS, '3');
});

test('the history is where it is said to be, and its URL stays in its Secret', () => {
  const place = (history: object) =>
    environment('Deployment', 'torwacht-operator', {
      'operator.replicas': 1,
      'operator.history': history,
    }).TORWACHT_HISTORY;
  const file = '/var/lib/torwacht-operator/history.db';
  assert.equal(place({}), file);
  assert.equal(place({ place: 'volume' }), file);
  assert.equal(place({ place: 'none' }), undefined);
  assert.deepEqual(place({ place: 'postgres', postgres: { secret: 'db' } }), {
    secretKeyRef: { name: 'db', key: 'url' },
  });
  const claims = (volume: object) => {
    const history = { place: 'volume', size: '5Gi', volume };
    const objects = render({ values: { 'operator.replicas': 1, 'operator.history': history } });
    const claim = objects.find(({ kind }) => kind === 'PersistentVolumeClaim');
    const said = [...strings(find(objects, 'Deployment', 'torwacht-operator'))];
    return [said.find(([path]) => path.at(-1) === 'claimName')?.[1], claim?.spec];
  };
  assert.deepEqual(claims({ claim: 'ours' }), ['ours', undefined]);
  const [name, spec] = claims({ storageClass: 'fast' });
  assert.equal(name, 'torwacht-history');
  assert.deepEqual(spec, {
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'fast',
    resources: { requests: { storage: '5Gi' } },
  });
});

test('NetworkPolicies let in agents and the API server, and out to whom they are told', () => {
  interface Rule {
    readonly ports?: readonly { port: number }[];
    readonly from?: unknown;
    readonly to?: unknown;
  }
  const rules = (name: string, values: Rendering['values'] = {}) => {
    const objects = render({ values: { 'networkPolicy.create': true, ...values } });
    const { spec } = find(objects, 'NetworkPolicy', name);
    const { ingress, egress } = spec as Record<'ingress' | 'egress', readonly Rule[]>;
    return { ingress, egress };
  };
  const ports = (all: readonly Rule[]) =>
    all.map((rule) => [rule.ports?.map(({ port }) => port), rule.from ?? rule.to ?? 'anybody']);
  assert.deepEqual(ports(rules('torwacht-operator').ingress), [
    [[9467, 9468], 'anybody'],
    [[9466], 'anybody'],
  ]);
  const unanswered = rules('torwacht-operator', { 'operator.answers': false });
  assert.deepEqual(ports(unanswered.ingress)[0], [[9467], 'anybody']);
  assert.deepEqual(ports(unanswered.egress), [[[443, 6443], 'anybody']]);
  const to = [{ ipBlock: { cidr: '192.0.2.0/24' } }];
  const open = { 'networkPolicy.operatorTo': [{ to, ports: [{ port: 5432 }] }] };
  assert.deepEqual(ports(rules('torwacht-operator', open).egress), [
    [[443, 6443], 'anybody'],
    [[53, 53], 'anybody'],
    [[5432], to],
  ]);
  assert.deepEqual(ports(rules('torwacht-webhook', open).egress), [[[443, 6443], 'anybody']]);
});

test('authorities of one’s own are read by agents and operator, from where they are said to be', () => {
  const reads = (values: Rendering['values'] = {}) => {
    const all = render({ values });
    return [
      'DaemonSet torwacht-agent',
      'Deployment torwacht-operator',
      'Deployment torwacht-webhook',
    ].map((of) => {
      const [kind = '', name = ''] = of.split(' ');
      const text = JSON.stringify(find(all, kind, name));
      const volume = /\{"name":"ca","(\w+)":(\{.*?\]\})\}/.exec(text);
      const isRead = text.includes('"TORWACHT_CA","value":"/etc/torwacht/ca/ca.crt"');
      return volume === null ? isRead : [isRead, volume[1], JSON.parse(volume[2] ?? '')];
    });
  };
  assert.deepEqual(reads(), [false, false, false]);
  const items = [{ key: 'bundle.pem', path: 'ca.crt' }];
  const secret = [true, 'secret', { secretName: 'company-ca', items }];
  const fromSecret = { privateCA: { secret: 'company-ca', key: 'bundle.pem' } };
  assert.deepEqual(reads(fromSecret), [secret, secret, false]);
  // Also where the operator has no other volume.
  assert.deepEqual(reads({ ...fromSecret, 'operator.history.place': 'none' })[1], secret);
  const [fromConfigMap] = reads({ 'privateCA.configMap': 'company-ca' });
  assert.deepEqual(fromConfigMap, [
    true,
    'configMap',
    { name: 'company-ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] },
  ]);
});

test('without answers nobody may ask', () => {
  const there = (values: Rendering['values'] = {}) =>
    render({ values })
      .map(keyOf)
      .filter((key) => /torwacht-(answers|reader)$/.test(key)).length;
  assert.deepEqual([there(), there({ 'operator.answers': false })], [3, 0]);
});

test('rights over pods are those of a hook, and gone with it', () => {
  const roles = (values: Rendering['values'] = {}) =>
    render({ values })
      .filter(
        ({ kind, ...more }) => kind.endsWith('Role') && JSON.stringify(more).includes('"pods"'),
      )
      .map(({ metadata }) => [metadata.name, metadata.annotations?.['helm.sh/hook']]);
  assert.deepEqual(roles(), [
    ['torwacht-uninstall', 'pre-delete'],
    ['torwacht-check', 'test'],
  ]);
  const without = render({ values: { 'uninstall.check': false } });
  assert.ok(!has(without, 'Job', 'torwacht-uninstall'));
});

test('kinds are kept unless said otherwise', () => {
  const kept = (values: Rendering['values'] = {}) =>
    new Set(
      render({ values })
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .map(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy']),
    );
  assert.deepEqual(kept(), new Set(['keep']));
  assert.deepEqual(kept({ 'crds.keep': false }), new Set([undefined]));
});

test('the chart is lint-free, for values of every kind', () => {
  for (const rendering of [matrix['as it stands'], matrix['with all that is off']]) {
    const { status, stdout, stderr } = helm(['lint', '--strict', CHART, ...flags(rendering ?? {})]);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/);
  }
});

test('its version is that of everything else', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  const chart = parseYaml(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'));
  assert.deepEqual([chart.version, chart.appVersion], [version, version]);
});

test('its notes tell what comes next, with the patch for the runner', () => {
  const more = ['--dry-run=client', ...flags({ values: { ...registry, ...digests } })];
  const { status, stdout, stderr } = helm(['install', 'torwacht', CHART, ...more]);
  assert.equal(status, 0, stderr);
  const notes = stdout.slice(stdout.indexOf('\nNOTES:'));
  for (const command of ['rollout status daemonset/torwacht-agent', 'kind: RunnerBinding']) {
    assert.ok(notes.includes(command), command);
  }
  assert.match(notes, /kubectl label namespace gitlab-runner torwacht\.io\/enforce=true/);
  // The page has the same patch, with another image.
  const page = readFileSync(join(ROOT, 'docs/barrier.md'), 'utf8');
  const patch =
    /```toml\n([\s\S]*?)```/.exec(page)?.[1] ?? assert.fail('docs/barrier.md has no patch');
  const barrier = `${registry['image.registry']}/torwacht-barrier@${digest('3')}`;
  const wanted = patch.replace(/image: \S+/, `image: ${barrier}`);
  const plain = notes.replaceAll(/^ {5}/gm, '').replaceAll(/[ ]+$/gm, '');
  assert.ok(plain.includes(wanted.trim()), plain);
});

test('the dashboard is that of config/monitoring, letter by letter, where it is asked for', () => {
  const maps = (values: Rendering['values'] = {}) =>
    render({ values }).filter(({ kind }) => kind === 'ConfigMap');
  assert.deepEqual(maps(), []);
  const [map, ...more] = maps({ 'monitoring.dashboards': true });
  const text = readFileSync(join(ROOT, 'config/monitoring/dashboard.json'), 'utf8');
  assert.deepEqual([map?.data, more], [{ 'torwacht.json': text }, []]);
  assert.equal(map?.metadata.labels?.grafana_dashboard, '1');
});

test('the alerts are those of config/monitoring, with what a Prometheus selects by, where they are asked for', () => {
  const rules = (values: Rendering['values'] = {}) =>
    render({ namespace: 'egress', values }).filter(({ kind }) => kind === 'PrometheusRule');
  assert.deepEqual(rules(), []);
  const labels = { release: 'prometheus' };
  const [rule, ...more] = rules({ 'monitoring.rules': true, 'monitoring.labels': labels });
  const path = join(ROOT, 'config/monitoring/prometheusrule.yaml');
  const twin = parseYaml(readFileSync(path, 'utf8')) as Manifest;
  assert.ok(rule);
  assert.deepEqual([rule.spec, more], [twin.spec, []]);
  assert.deepEqual([rule.metadata.name, rule.metadata.namespace], [twin.metadata.name, 'egress']);
  assert.equal(rule.metadata.labels?.release, 'prometheus');
  // What is Prometheus' to fill in, Helm leaves alone.
  assert.match(JSON.stringify(rule.spec), /\{\{ \$labels\.instance \}\}/);
});

test('an agent takes no port of its node, so that two of a rollout have room on it', () => {
  const objects = render({
    values: {
      'monitoring.create': true,
      'agent.listenAddress': '0.0.0.0',
      'agent.listenPort': 9999,
    },
  });
  const agent = find(objects, 'DaemonSet', 'torwacht-agent') as unknown as {
    spec: { template: { spec: { hostNetwork: boolean; containers: { ports?: unknown }[] } } };
  };
  const { hostNetwork, containers } = agent.spec.template.spec;
  assert.equal(hostNetwork, true);
  assert.deepEqual(
    containers.map(({ ports }) => ports),
    [undefined],
  );
  const monitor = find(objects, 'PodMonitor', 'torwacht-agent');
  assert.match(JSON.stringify(monitor.spec), /"replacement":"\$1:9999"/);
});
