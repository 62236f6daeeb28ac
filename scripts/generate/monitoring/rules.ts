/** What Prometheus alerts of: the parts of Torwacht themselves. Refusals of jobs are told by the routes of bindings. */

export interface Rule {
  readonly alert: string;
  /** PromQL. */
  readonly expr: string;
  readonly for: string;
  readonly severity: 'critical' | 'warning';
  readonly summary: string;
  /** What to do. */
  readonly description: string;
}

export const rules: readonly Rule[] = [
  {
    alert: 'TorwachtPodsNotHeld',
    expr: 'sum by (instance) (torwacht_pods_pending) > 0',
    for: '5m',
    severity: 'critical',
    summary: 'Governed pods on {{ $labels.instance }} cannot be held, and do not start.',
    description: 'The log of the agent and the conditions of the NodeAgent say why.',
  },
  {
    alert: 'TorwachtRuntimeAway',
    expr: 'min by (instance) (torwacht_runtime_connected) == 0',
    for: '5m',
    severity: 'critical',
    summary: 'The container runtime of {{ $labels.instance }} does not answer the agent.',
    description: 'New pods do not start there. Is containerd running, and its socket mounted?',
  },
  {
    alert: 'TorwachtBundleNotInForce',
    expr: 'min by (instance) (torwacht_bundle_good) == 0',
    for: '10m',
    severity: 'warning',
    summary: 'The agent of {{ $labels.instance }} cannot use its bundle.',
    description: 'What was in force stays. `torwacht status` says which node holds what.',
  },
  {
    alert: 'TorwachtNodesSilent',
    expr: 'max(torwacht_nodes{state="silent"}) > 0',
    for: '10m',
    severity: 'warning',
    summary: '{{ $value }} nodes are Ready, and their agents say nothing.',
    description: '`kubectl get nodeagents` lists them; is there an agent on each node?',
  },
  {
    alert: 'TorwachtNodeKeptFromJobs',
    expr: 'max(torwacht_nodes_tainted_oldest_seconds) > 900',
    for: '5m',
    severity: 'warning',
    summary: 'A node is {{ $value | humanizeDuration }} old and has its startup taint still.',
    description: 'Its agent is not ready: `torwacht status` says why, or there is none on it.',
  },
  {
    alert: 'TorwachtNoLeader',
    expr: '(sum(torwacht_kube_leading) or vector(0)) != 1',
    for: '2m',
    severity: 'warning',
    summary: '{{ $value }} replicas of the operator lead.',
    description: 'With none, edits of policies wait, and so do alerts; nodes keep what they hold.',
  },
  {
    alert: 'TorwachtObjectsRefused',
    expr: 'max(torwacht_objects_refused) > 0',
    for: '15m',
    severity: 'warning',
    summary: '{{ $value }} policies or bindings are not in force as they stand.',
    description: '`kubectl get egresspolicies,runnerbindings -A` says which, and `describe` why.',
  },
  {
    alert: 'TorwachtRowsLost',
    expr: 'sum by (instance, output, reason) (increase(torwacht_output_dropped_total[15m])) > 0',
    for: '0m',
    severity: 'warning',
    summary: 'Rows of {{ $labels.instance }} were lost on their way to {{ $labels.output }}.',
    description: 'Reason: {{ $labels.reason }}. docs/agent.md says what each means.',
  },
  {
    alert: 'TorwachtOutputBehind',
    expr: 'torwacht_output_waiting > 1000',
    for: '15m',
    severity: 'warning',
    summary: 'Rows of {{ $labels.instance }} wait for {{ $labels.output }}.',
    description: 'Its receiver does not take them; they are on disk within a bound.',
  },
  {
    alert: 'TorwachtRefusalFlood',
    expr: 'sum by (instance) (rate(torwacht_rows_total{action="block"}[5m])) > 10',
    for: '5m',
    severity: 'warning',
    summary: 'Jobs on {{ $labels.instance }} make {{ $value | humanize }} new refusals a second.',
    description: 'Something tries many destinations: `kubectl get violations -A`.',
  },
  {
    alert: 'TorwachtAlertsLost',
    expr: 'sum by (receiver, reason) (increase(torwacht_alerts_dropped_total[1h])) > 0',
    for: '0m',
    severity: 'warning',
    summary: 'Messages to {{ $labels.receiver }} were lost ({{ $labels.reason }}).',
    description: '`torwacht alerts test` says what the receiver answers.',
  },
  {
    alert: 'TorwachtAlertsNotTaken',
    expr: 'sum by (receiver) (rate(torwacht_alerts_retried_total[15m])) > 0 unless sum by (receiver) (rate(torwacht_alerts_sent_total[15m])) > 0',
    for: '15m',
    severity: 'warning',
    summary: 'No message to {{ $labels.receiver }} is taken.',
    description: '`torwacht alerts test` says what the receiver answers.',
  },
  {
    alert: 'TorwachtHistoryLost',
    expr: 'sum(increase(torwacht_history_dropped_total[1h])) > 0',
    for: '0m',
    severity: 'warning',
    summary: 'The history has lost flows: its store is away, or too slow.',
    description: 'Suggestions from these hours are incomplete. The log of the operator says why.',
  },
  {
    alert: 'TorwachtCertificateEnds',
    expr: '(min by (job) (torwacht_webhook_certificate_expires_seconds) or min by (job) (torwacht_intake_certificate_expires_seconds)) - time() < 14 * 86400',
    for: '1h',
    severity: 'critical',
    summary: 'A certificate of {{ $labels.job }} ends in {{ $value | humanizeDuration }}.',
    description: 'It should have been renewed 30 days before its end: its log says why not.',
  },
];

/** The groups of a file of rules, and of a PrometheusRule. */
export function ruleGroups(): object {
  return {
    groups: [
      {
        name: 'torwacht',
        rules: rules.map(({ severity, summary, description, for: lasts, ...rule }) => ({
          ...rule,
          ...(lasts === '0m' ? {} : { for: lasts }),
          labels: { severity },
          annotations: { summary, description },
        })),
      },
    ],
  };
}
