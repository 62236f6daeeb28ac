/** Every query, of the dashboard and of the rules, names metrics that are told, with labels that they have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import { told } from '../../../test/monitoring/registries.ts';
import { sections } from './panels.ts';
import { rules } from './rules.ts';

/** Labels that Prometheus gives to what it scrapes. */
const OF_TARGETS = ['instance', 'job'];

interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

interface Read {
  readonly selectors: readonly Selector[];
  /** Of `by (…)`. */
  readonly grouping: readonly string[];
  readonly sound: boolean;
}

function read(expr: string): Read {
  const selectors: { metric: string; labels: string[] }[] = [];
  const grouping: string[] = [];
  let sound = true;
  let inGrouping = false;
  parser.parse(expr).iterate({
    enter({ name, from, to, type }) {
      const text = expr.slice(from, to);
      if (type.isError) sound = false;
      if (name === 'GroupingLabels') inGrouping = true;
      if (name === 'VectorSelector') selectors.push({ metric: '', labels: [] });
      const last = selectors.at(-1);
      if (name === 'Identifier' && last !== undefined) last.metric = text;
      if (name !== 'LabelName') return;
      if (inGrouping) grouping.push(text);
      else last?.labels.push(text);
    },
    leave({ name }) {
      if (name === 'GroupingLabels') inGrouping = false;
    },
  });
  return { selectors, grouping, sound };
}

/** Labels of each series' name, as the exposition has them. */
async function exposed(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const { registries, happen } = told();
  happen(false);
  happen(true);
  const found = new Map<string, Set<string>>();
  for (const registry of Object.values(registries)) {
    for (const line of (await registry.metrics()).split('\n')) {
      const [, name, labels = ''] = /^([a-z_:]+)(?:\{(.*)\})? /.exec(line) ?? [];
      if (name === undefined) continue;
      const names = found.get(name) ?? new Set(OF_TARGETS);
      for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) names.add(label);
      found.set(name, names);
    }
  }
  return found;
}

/** Sentences; none where the query is as it should be. */
function faultsOf(expr: string, metrics: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const { selectors, grouping, sound } = read(expr);
  if (!sound) return ['it cannot be parsed'];
  if (selectors.length === 0) return ['it asks for nothing'];
  const known = selectors.flatMap(({ metric }) => [...(metrics.get(metric) ?? [])]);
  return [
    ...selectors.flatMap(({ metric, labels }) => {
      const has = metrics.get(metric);
      if (has === undefined) return [`there is no ${metric}`];
      return labels.filter((label) => !has.has(label)).map((one) => `${metric} has no ${one}`);
    }),
    ...grouping.filter((label) => !known.includes(label)).map((one) => `nothing has ${one}`),
  ];
}

const metrics = await exposed();
const panels = sections.flatMap((section) => section.panels);
const queries = [
  ...panels.flatMap(({ title, queries: own }) => own.map(({ expr }) => [title, expr] as const)),
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
];

for (const [title, expr] of queries) {
  test(`${title}: ${expr}`, () => {
    assert.deepEqual(faultsOf(expr, metrics), []);
  });
}

test('what a legend or a sentence names is what the query leaves', () => {
  for (const { title, queries: own } of panels) {
    for (const { expr, legend } of own) {
      for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(read(expr).grouping.includes(label), `${title}: ${label}`);
      }
    }
  }
  for (const { alert, expr, summary, description } of rules) {
    const whole = !/\b(?:sum|max|min)\b/.test(expr);
    for (const [, label = ''] of `${summary}${description}`.matchAll(/\$labels\.(\w+)/g)) {
      assert.ok(whole || read(expr).grouping.includes(label), `${alert}: ${label}`);
    }
  }
});

test('a query that is wrong is found', () => {
  for (const [expr, fault] of [
    ['sum(torwacht_pods_holding)', 'there is no torwacht_pods_holding'],
    ['torwacht_nodes{status="silent"}', 'torwacht_nodes has no status'],
    ['sum by (node) (torwacht_nodes)', 'nothing has node'],
    ['sum by (state (torwacht_nodes)', 'it cannot be parsed'],
    ['1 + 1', 'it asks for nothing'],
  ] as const) {
    assert.deepEqual(faultsOf(expr, metrics), [fault]);
  }
});

test('every metric that an operator of a fleet needs is somewhere', () => {
  const asked = new Set(
    queries.flatMap(([, expr]) => read(expr).selectors.map(({ metric }) => metric)),
  );
  const ours = [...metrics.keys()].filter((name) => /^torwacht_(?!kube_)/.test(name));
  const bare = (name: string) => name.replace(/_(?:bucket|sum|count)$/, '');
  const unasked = ours.filter((name) => ![...asked].some((one) => bare(one) === bare(name)));
  assert.deepEqual(unasked.sort(), [
    ...['torwacht_alerts_folded_total', 'torwacht_alerts_open', 'torwacht_bindings'],
    ...['torwacht_bindings_stale', 'torwacht_bundles', 'torwacht_cluster_policies'],
    ...['torwacht_history_pruned_total', 'torwacht_output_retried_total', 'torwacht_policies'],
    'torwacht_violations_unwritten',
  ]);
});
