/**
 * The chart's values: their one source. `make generate` makes values.yaml, values.schema.json and docs/helm-values.md
 * of it. What no schema can say (values that do not go together) is in templates/_validate.tpl.
 */
import * as z from 'zod';
import {
  affinity,
  choice,
  deployment,
  egress,
  flag,
  image,
  labels,
  podFields,
  resources,
  text,
  tolerations,
  whole,
  words,
} from './shapes.ts';

const history = z
  .strictObject({
    place: choice(
      ['pod', 'volume', 'postgres', 'none'],
      'pod',
      'Where it is: `pod`, a file that goes with the pod; `volume`, a PersistentVolumeClaim, for one replica alone, since a volume is of one node; `postgres`; `none`, nowhere.',
    ),
    days: whole(30, [1, 9999], 'For how long runs are kept.'),
    flows: whole(500_000, [1, 1_000_000_000], 'How much of them: flows, the oldest runs go first.'),
    size: text('1Gi', 'Room for `pod` and `volume`.'),
    volume: z
      .strictObject({
        claim: text(
          '',
          'A PersistentVolumeClaim of yours. Empty: the chart makes torwacht-history, which goes with the release.',
        ),
        storageClass: text('', 'Of the one that the chart makes. Empty: what the cluster chooses.'),
      })
      .describe('For `volume`.'),
    postgres: z
      .strictObject({
        secret: text('', "A Secret of the release's namespace."),
        key: text('url', 'Its key that holds postgres://USER:PASSWORD@HOST/DATABASE.'),
      })
      .describe('For `postgres`.'),
  })
  .describe('What jobs reached and tried to reach: docs/history.md.');

export const valuesSchema = z.strictObject({
  global: z.record(z.string(), z.unknown()).optional().describe('Of a parent chart. Not read.'),
  commonLabels: labels('More labels of every object.'),
  image: z
    .strictObject({
      registry: text(
        '',
        'Before the name of every image: `HOST[:PORT][/PATH]` of a registry or a mirror. Empty: names as they stand, for images that nodes have already.',
      ),
      pullPolicy: z
        .enum(['', 'Always', 'IfNotPresent', 'Never'])
        .default('')
        .describe("Empty: Kubernetes' own choice."),
      pullSecrets: words('Names of Secrets in the namespace of the release.'),
    })
    .describe('All images.'),
  namespace: z
    .strictObject({
      create: flag(
        false,
        'Makes the namespace an object of the chart, with the Pod Security level that agents need. For `helm template | kubectl apply`; with `helm install` the namespace is there before the chart.',
      ),
    })
    .describe('The namespace of the release.'),
  crds: z
    .strictObject({
      install: flag(true, 'CustomResourceDefinitions are part of the chart, and upgraded with it.'),
      keep: flag(
        true,
        '`helm uninstall` leaves them, and with them every policy. False: both are deleted.',
      ),
    })
    .describe('The kinds of torwacht.io.'),
  rbac: z
    .strictObject({
      people: flag(
        true,
        'ClusterRoles for people: view, policy-editor, cluster-policy-viewer, platform.',
      ),
    })
    .describe('Rights. Those of agent, operator and webhook are always there.'),
  agent: z
    .strictObject({
      image: image('torwacht-agent'),
      resources: resources({
        requests: { cpu: '100m', memory: '128Mi' },
        limits: { memory: '512Mi' },
      }),
      priorityClassName: text(
        'system-node-critical',
        'Where `priorityClasses.create` is false. Empty: none; then jobs may push it off their node.',
      ),
      nodeSelector: labels(
        'Labels of nodes that run an agent. The operator is told the same: it waits for every node that has them.',
        { 'kubernetes.io/os': 'linux' },
      ),
      tolerations: tolerations([{ operator: 'Exists' }]),
      affinity,
      containerdFolder: text(
        '/run/containerd',
        "Folder of containerd's socket on the node; `/run/k3s/containerd` for k3s.",
      ),
      upstreams: words(
        'DNS servers that allowed names are asked of, `ADDRESS[:PORT]`, unless a RunnerBinding names others. Empty: those of the node.',
      ),
      outputs: words(
        'Where rows of evidence go besides the operator: `stdout`, `webhook:URL[,secret=FILE][,name=NAME]`, `otlp:URL[,headers=FILE][,name=NAME]`.',
        ['stdout'],
      ),
      outputsSecret: text(
        '',
        "A Secret of the release's namespace with the files that outputs name, below /etc/torwacht/outputs.",
      ),
      spoolSizeMiB: whole(
        64,
        [1, 999_999],
        "Room on the node's disk (/var/lib/torwacht/spool), for each output, for rows that its receiver has not got yet.",
      ),
      listenAddress: text(
        '127.0.0.1',
        'Address of the node where health and metrics are served. `0.0.0.0` lets Prometheus in, and whoever reaches the node.',
      ),
      listenPort: whole(9465, [1, 65_535], 'The port there.'),
      logLevel: choice(['error', 'warn', 'info', 'debug'], 'info', 'What it tells.'),
      sysResource: flag(false, 'Adds the capability SYS_RESOURCE: for kernels before 5.11.'),
      startupSeconds: whole(120, [10, 3600], 'How long it may take to start.'),
      pod: z.strictObject(podFields).describe('Its pods.'),
    })
    .describe('The DaemonSet.'),
  operator: z
    .strictObject({
      ...deployment({ name: 'operator', cpu: '100m', memory: '160Mi', limit: '768Mi' }),
      logLevel: choice(['error', 'warn', 'info', 'debug'], 'info', 'What it tells.'),
      startupTaint: text(
        '',
        "Key of the taint that your node pools give new nodes, as `torwacht.io/agent-not-ready`: the operator takes it off a node once that node's agent is ready, and may patch nodes for that, within a ValidatingAdmissionPolicy. Empty: none, and no such right.",
      ),
      violations: z
        .strictObject({
          perNamespace: whole(
            500,
            [1, 9999],
            'How many a namespace has; the rest is folded into one.',
          ),
          days: whole(30, [1, 9999], 'How long one stays that is not seen again.'),
        })
        .describe('Violations.'),
      history,
      answers: flag(
        true,
        '`torwacht suggest` and `torwacht alerts test` are answered: the Service torwacht-answers, and the Role torwacht-reader for who may ask.',
      ),
    })
    .describe('The operator: one replica leads, the others are ready to.'),
  webhook: z
    .strictObject(deployment({ name: 'webhook', cpu: '50m', memory: '96Mi', limit: '384Mi' }))
    .describe('The webhook; there where something in `admission` asks for it.'),
  admission: z
    .strictObject({
      pods: choice(
        ['webhook', 'policy', 'both', 'none'],
        'webhook',
        'Who judges pods of labelled namespaces: the webhook, a ValidatingAdmissionPolicy inside the API server (needs one RunnerBinding in each such namespace), or both. `none`: a job could be started without the barrier.',
      ),
      outside: choice(
        ['refuse', 'report'],
        'refuse',
        "What becomes of runners' pods in namespaces without the label torwacht.io/enforce.",
      ),
      objects: flag(true, 'The webhook judges RunnerBindings and policies at `kubectl apply`.'),
      inject: flag(
        false,
        'The webhook puts the barrier into pods of RunnerBindings that say `spec.inject`.',
      ),
      guard: flag(
        true,
        'Only who has the verb `guard` on enforcement.torwacht.io changes RunnerBindings and the label torwacht.io/enforce of a namespace (ClusterRole torwacht-guard).',
      ),
    })
    .describe('What comes into labelled namespaces.'),
  certificates: z
    .strictObject({
      source: choice(
        ['own', 'cert-manager'],
        'own',
        "Who makes the webhook's certificate: an authority of its own, or cert-manager.",
      ),
      issuer: z
        .strictObject({
          name: text('', 'Empty: a self-signed Issuer is made.'),
          kind: choice(['Issuer', 'ClusterIssuer'], 'Issuer', 'Its kind.'),
        })
        .describe('Of cert-manager.'),
    })
    .describe('Certificates of the webhook.'),
  privateCA: z
    .strictObject({
      configMap: text('', "A ConfigMap of the release's namespace that holds them."),
      secret: text('', 'The same in a Secret. One of the two, or none.'),
      key: text('ca.crt', 'Its key: certificates in PEM, one after the other.'),
    })
    .describe(
      'Authorities of your own, for the certificates of outputs, alert receivers and PostgreSQL, beside the public ones. Agents and operator read them; the webhook calls nobody but the API server.',
    ),
  barrier: z
    .strictObject({ image: image('torwacht-barrier') })
    .describe(
      "The first init container of a job. The chart runs it nowhere: its notes print the runner's patch.",
    ),
  priorityClasses: z
    .strictObject({
      create: flag(
        false,
        "Makes torwacht-node and torwacht-cluster, for clusters that keep the system's classes for kube-system.",
      ),
    })
    .describe('PriorityClasses.'),
  resourceQuota: z
    .strictObject({
      create: flag(
        false,
        "Makes a ResourceQuota that lets the system's priority classes into this namespace, where the cluster asks for one (GKE).",
      ),
      pods: whole(20_000, [1, 1_000_000], 'How many such pods.'),
    })
    .describe('Room for critical pods.'),
  networkPolicy: z
    .strictObject({
      create: flag(
        false,
        "NetworkPolicies for operator and webhook: in only to their ports, out only to the API server and what `operatorTo` names. Agents are in the node's network, where none applies.",
      ),
      apiServerPorts: z
        .array(z.int().min(1).max(65_535))
        .min(1)
        .default([443, 6443])
        .describe('Ports of the API server: of its Service and of its endpoints.'),
      operatorTo: egress(
        "Egress rules of a NetworkPolicy, for the operator's alert receivers and its PostgreSQL. Where there are any, DNS is let out too.",
      ),
      metricsFrom: labels('Labels of namespaces that may ask for metrics. Empty: all of them.'),
    })
    .describe('NetworkPolicies.'),
  monitoring: z
    .strictObject({
      create: flag(
        false,
        'Makes ServiceMonitors for operator and webhook and a PodMonitor for agents (monitoring.coreos.com).',
      ),
      rules: flag(
        false,
        'Makes a PrometheusRule of the alerts about Torwacht itself (docs/metrics.md).',
      ),
      labels: labels('More labels of all these, by which a Prometheus selects.'),
      interval: text('30s', 'How often.'),
      dashboards: flag(
        false,
        "Makes a ConfigMap of each dashboard of the chart, with the label that Grafana's sidecar looks for.",
      ),
      dashboardLabels: labels('Labels of those ConfigMaps.', { grafana_dashboard: '1' }),
    })
    .describe('Prometheus and Grafana.'),
  uninstall: z
    .strictObject({
      check: flag(
        true,
        '`helm uninstall` refuses while pods are held, and takes webhooks away before anything else.',
      ),
      waitSeconds: whole(30, [0, 3600], 'How long it waits for jobs to end before it refuses.'),
    })
    .describe('What `helm uninstall` does first.'),
});
