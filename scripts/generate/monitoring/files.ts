/** What is in config/monitoring: rules, monitors of the Prometheus operator, and the dashboard. */
import { dashboard } from './dashboard.ts';
import { ruleGroups } from './rules.ts';

const API = 'monitoring.coreos.com/v1';
const NAMESPACE = 'torwacht';

const metadata = (name: string) => ({
  name,
  namespace: NAMESPACE,
  labels: { 'app.kubernetes.io/part-of': 'torwacht' },
});

export function prometheusRule(): object {
  return {
    apiVersion: API,
    kind: 'PrometheusRule',
    metadata: metadata('torwacht'),
    spec: ruleGroups(),
  };
}

export function podMonitors(): readonly object[] {
  return [
    monitor('torwacht-operator', { port: 'health' }),
    monitor('torwacht-webhook', { port: 'health' }),
    // Agents are in the network of their node and declare no port: two of them overlap in a rollout.
    monitor('torwacht-agent', {
      relabelings: [
        {
          sourceLabels: ['__meta_kubernetes_pod_ip'],
          targetLabel: '__address__',
          replacement: '$1:9465',
        },
        { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'instance' },
      ],
    }),
  ];
}

function monitor(name: string, endpoint: object): object {
  const selector = { matchLabels: { 'app.kubernetes.io/name': name } };
  const podMetricsEndpoints = [{ path: '/metrics', interval: '30s', ...endpoint }];
  return {
    apiVersion: API,
    kind: 'PodMonitor',
    metadata: metadata(name),
    spec: { selector, podMetricsEndpoints },
  };
}

export function dashboardJson(): string {
  return `${JSON.stringify(dashboard(), null, 2)}\n`;
}

export { ruleGroups } from './rules.ts';
