/** What the three programs tell Prometheus, in states of a test's choice. */
import type { Registry } from 'prom-client';
import { Metrics as AgentMetrics } from '#agent/daemon/metrics.ts';
import { OutputCounters } from '#agent/outputs/counters.ts';
import { systemClock } from '#kube/index.ts';
import { AlertCounters } from '#operator/alerts/counters.ts';
import { eventOf } from '#operator/alerts/testing/rows.ts';
import { IntakeMetrics } from '#operator/daemon/intake-metrics.ts';
import { createMetrics } from '#operator/daemon/metrics.ts';
import { HistoryCounters } from '#operator/history/counters.ts';
import type { Parts } from '#operator/parts.ts';
import { Metrics as WebhookMetrics } from '#webhook/server/metrics.ts';

export interface Told {
  readonly registries: Readonly<Record<'agent' | 'operator' | 'webhook', Registry>>;
  /** Something happens everywhere; `bad`: of what alerts are about. */
  happen(bad: boolean): void;
}

/** ms */
const DAY = 86_400_000;

export function told(): Told {
  const state = { bad: false };
  const parts = [agent(state), operator(state), webhook()] as const;
  const [{ registry: ofAgent }, { registry: ofOperator }, { registry: ofWebhook }] = parts;
  return {
    registries: { agent: ofAgent, operator: ofOperator, webhook: ofWebhook },
    happen(bad) {
      state.bad = bad;
      for (const { happen } of parts) happen(bad);
    },
  };
}

interface State {
  bad: boolean;
}

interface Part {
  readonly registry: Registry;
  happen(bad: boolean): void;
}

function agent(state: State): Part {
  const metrics = new AgentMetrics({
    held: () => 3,
    pending: () => Number(state.bad),
    kernel: () => ({ ring_full: 1 }) as never,
    lacks: () => state.bad,
    bundleGood: () => !state.bad,
    connected: () => !state.bad,
  });
  const output = { name: 'operator', waiting: 2000, send: () => {}, end: async () => {} };
  const waiting = () => [{ ...output, waiting: state.bad ? 2000 : 0 }];
  const tally = new OutputCounters(metrics.registry, waiting).of('operator');
  return {
    registry: metrics.registry,
    happen(bad) {
      metrics.attached(20);
      for (let n = 0; n < (bad ? 5000 : 1); n += 1) metrics.row(eventOf());
      metrics.row(eventOf({ action: 'allow', reason: 'name' }));
      tally.sent(1);
      if (bad) metrics.attachFailed();
      if (bad) tally.dropped(1, 'full');
    },
  };
}

function operator(state: State): Part {
  const { registry, observe, watch } = createMetrics();
  const cache = { cache: { size: 1 } };
  const refused = new Map([['EgressPolicy ci/a', { reason: 'R', message: 'm' }]]);
  watch({
    cluster: {
      ...{ policies: cache, clusterEgressPolicies: cache, runnerBindings: cache, bundles: cache },
      tainted: () =>
        state.bad ? [{ metadata: { creationTimestamp: '2026-01-01T00:00:00Z' } }] : [],
    },
    clock: systemClock,
    state: {
      stale: new Set(),
      get bindings() {
        return new Map([['ci/a', { refused: state.bad ? refused : new Map() }]]);
      },
    },
    views: { all: () => [{ ready: true, held: !state.bad }] },
  } as unknown as Parts);
  const intake = new IntakeMetrics(registry);
  intake.watchViolations({ size: 1, unwritten: 0 } as never);
  const alerts = new AlertCounters(registry, () => 1);
  const history = new HistoryCounters(registry, () => 0);
  return {
    registry,
    happen(bad) {
      observe({ type: 'leading', leading: !bad } as never);
      observe({ type: 'request', verb: 'list', resource: 'pods', status: 200, ms: 5 });
      intake.counted(1, 'own' as never);
      intake.rows(1, 'taken');
      intake.shown(Date.now() + (bad ? 1 : 60) * DAY);
      history.flows.set(5);
      if (!bad) alerts.of('email').sent();
      if (bad) alerts.of('slack').retried();
      if (bad) alerts.of('slack').dropped(1, 'refused');
      if (bad) history.dropped.inc();
    },
  };
}

function webhook(): Part {
  const metrics = new WebhookMetrics();
  return {
    registry: metrics.registry,
    happen(bad) {
      metrics.observe({ hook: 'pods', result: 'allowed', took: 1 } as never);
      metrics.shown(Date.now() + (bad ? 1 : 60) * DAY);
    },
  };
}
