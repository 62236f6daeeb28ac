/** What the Grafana dashboard shows, as a table. Every query is tried by a test on metrics that are really told. */

export interface Query {
  /** PromQL. */
  readonly expr: string;
  /** Of the legend: `{{label}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  readonly description: string;
  readonly kind: 'stat' | 'timeseries';
  /** As Grafana names it. */
  readonly unit: 'short' | 's' | 'bytes' | 'ops' | 'reqps';
  readonly queries: readonly Query[];
}

export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const stat = (title: string, description: string, expr: string, unit: Panel['unit'] = 'short') =>
  ({ title, description, kind: 'stat', unit, queries: [{ expr, legend: '' }] }) as const;

const series = (
  title: string,
  description: string,
  unit: Panel['unit'],
  ...queries: readonly (readonly [expr: string, legend: string])[]
): Panel => ({
  ...{ title, description, kind: 'timeseries', unit },
  queries: queries.map(([expr, legend]) => ({ expr, legend })),
});

const p99 = (metric: string, by = ''): string =>
  `histogram_quantile(0.99, sum by (le${by}) (rate(${metric}_bucket[5m])))`;
const perSecond = (metric: string, by: string, labels = ''): string =>
  `sum by (${by}) (rate(${metric}${labels}[5m]))`;

export const sections: readonly Section[] = [
  {
    title: 'Now',
    panels: [
      stat('Pods held', 'Governed pods whose egress is judged.', 'sum(torwacht_pods_held)'),
      stat('Pods not held', 'They do not start. It should be 0.', 'sum(torwacht_pods_pending)'),
      stat('Violations', 'Objects that there are.', 'max(torwacht_violations)'),
      stat(
        'Nodes that say nothing',
        'Ready, but their agent has not reported.',
        'max(torwacht_nodes{state="silent"})',
      ),
      stat(
        'Objects refused',
        'Policies and bindings that are not in force as they stand.',
        'max(torwacht_objects_refused)',
      ),
      stat('Leaders', 'Replicas of the operator that lead: 1.', 'sum(torwacht_kube_leading)'),
    ],
  },
  {
    title: 'Verdicts',
    panels: [
      series('Rows by what was decided', 'New rows of evidence in a second, on all nodes.', 'ops', [
        perSecond('torwacht_rows_total', 'action'),
        '{{action}}',
      ]),
      series('Refusals by reason', 'docs/events.md explains the reasons.', 'ops', [
        perSecond('torwacht_rows_total', 'reason', '{action="block"}'),
        '{{reason}}',
      ]),
      series('Refusals by node', 'Where jobs try what they may not.', 'ops', [
        'topk(10, sum by (instance) (rate(torwacht_rows_total{action="block"}[5m])))',
        '{{instance}}',
      ]),
      series('Attempts in Violations', 'By whether an object of their own counts them.', 'ops', [
        perSecond('torwacht_violation_attempts_total', 'fate'),
        '{{fate}}',
      ]),
    ],
  },
  {
    title: 'Nodes',
    panels: [
      series(
        'Nodes',
        'By what they say.',
        'short',
        ['max by (state) (torwacht_nodes)', '{{state}}'],
        ['max(torwacht_nodes_tainted)', 'startup taint'],
      ),
      series('Until a pod is held', '99 of 100 pods, from its start.', 's', [
        p99('torwacht_attach_seconds'),
        'p99',
      ]),
      series('Pods that could not be held', 'Tries in a second.', 'ops', [
        'sum(rate(torwacht_attach_failures_total[5m]))',
        'failures',
      ]),
      series('What kernels lack', 'Nodes whose kernel refused this part.', 'short', [
        'sum by (part) (torwacht_kernel_lacks)',
        '{{part}}',
      ]),
      series('Counters of the kernel', 'What got lost or was refused on the side.', 'ops', [
        'sum by (counter) (deriv(torwacht_kernel_counter[10m]))',
        '{{counter}}',
      ]),
      series(
        'Bundle and runtime',
        'Nodes where all is well.',
        'short',
        ['sum(torwacht_bundle_good)', 'bundle in force'],
        ['sum(torwacht_runtime_connected)', 'runtime answers'],
      ),
    ],
  },
  {
    title: 'Ways of rows',
    panels: [
      series('Sent by agents', 'Rows in a second, by output.', 'ops', [
        perSecond('torwacht_output_sent_total', 'output'),
        '{{output}}',
      ]),
      series(
        'Lost by agents',
        'Rows in a second, and the attempts that they stood for. It should be 0.',
        'ops',
        [perSecond('torwacht_output_dropped_total', 'output, reason'), '{{output}} {{reason}}'],
        [perSecond('torwacht_output_dropped_attempts_total', 'output'), '{{output}} attempts'],
      ),
      series('Waiting on nodes', 'Rows in memory and on disks.', 'short', [
        'sum by (output) (torwacht_output_waiting)',
        '{{output}}',
      ]),
      series('Taken by the operator', 'Rows in a second.', 'ops', [
        perSecond('torwacht_intake_rows_total', 'outcome'),
        '{{outcome}}',
      ]),
      series(
        'History',
        'Flows that are kept, and that wait for the store.',
        'short',
        ['max(torwacht_history_flows)', 'kept'],
        ['max(torwacht_history_waiting)', 'waiting'],
      ),
      series('Alerts sent', 'Messages in a second, by receiver.', 'ops', [
        perSecond('torwacht_alerts_sent_total', 'receiver'),
        '{{receiver}}',
      ]),
      series(
        'Alerts tried again, and lost',
        'It should be 0.',
        'ops',
        [perSecond('torwacht_alerts_retried_total', 'receiver'), '{{receiver}} again'],
        [perSecond('torwacht_alerts_dropped_total', 'receiver, reason'), '{{receiver}} {{reason}}'],
      ),
    ],
  },
  {
    title: 'Operator and webhook',
    panels: [
      series('Requests to the API server', 'In a second, by verb.', 'reqps', [
        perSecond('torwacht_kube_request_seconds_count', 'verb'),
        '{{verb}}',
      ]),
      series('How long they take', '99 of 100, by verb.', 's', [
        p99('torwacht_kube_request_seconds', ', verb'),
        '{{verb}}',
      ]),
      series('Reviews of the webhook', 'By what came of them.', 'ops', [
        perSecond('torwacht_webhook_reviews_total', 'hook, result'),
        '{{hook}} {{result}}',
      ]),
      series('How long reviews take', '99 of 100.', 's', [
        p99('torwacht_webhook_review_seconds'),
        'p99',
      ]),
      series(
        'Certificates',
        'Time that is left; they are renewed 30 days before.',
        's',
        ['min(torwacht_webhook_certificate_expires_seconds) - time()', 'webhook'],
        ['min(torwacht_intake_certificate_expires_seconds) - time()', 'intake'],
      ),
      series('Memory', 'The largest process of each kind.', 'bytes', [
        'max by (job) (process_resident_memory_bytes{job=~".*torwacht.*"})',
        '{{job}}',
      ]),
    ],
  },
];
