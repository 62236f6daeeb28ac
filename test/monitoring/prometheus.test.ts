/** Queries of the dashboard give data, and alerts fire when they should and only then: asked of a real Prometheus. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveHealth } from '#kube/health.ts';
import { sections } from '../../scripts/generate/monitoring/panels.ts';
import { rules } from '../../scripts/generate/monitoring/rules.ts';
import { ROOT } from '../cluster/names.ts';
import { findProgram, startPrometheus } from './prometheus.ts';
import { told } from './registries.ts';

const program = findProgram('prometheus');
const promtool = findProgram('promtool');
const skip =
  program === undefined || promtool === undefined
    ? 'there is no prometheus on this host: scripts/setup.sh --cluster installs it'
    : false;

/** Scrapes between two looks: a rate needs two of them. */
const SCRAPES = 3;

test('promtool takes the rules', { skip }, () => {
  const args = ['check', 'rules', join(ROOT, 'config/monitoring/rules.yaml')];
  const said = execFileSync(promtool ?? '', args, { encoding: 'utf8' });
  assert.match(said, new RegExp(`SUCCESS: ${rules.length} rules found`));
});

test('queries give data; alerts are silent while all is well, and each fires when it is not', {
  skip,
}, async () => {
  const { registries, happen } = told();
  const scraped: Record<string, number> = { agent: 0, operator: 0, webhook: 0 };
  let bad = false;
  happen(bad);
  const servers = await Promise.all(
    Object.entries(registries).map(async ([name, metrics]) => {
      const counting = {
        contentType: metrics.contentType,
        metrics: async () => {
          scraped[name] = (scraped[name] ?? 0) + 1;
          if (name === 'agent') happen(bad);
          return metrics.metrics();
        },
      };
      const server = await serveHealth({
        ...{ address: '127.0.0.1', port: 0, problems: () => [] },
        metrics: counting as never,
      });
      return [name, server] as const;
    }),
  );
  after(() => Promise.all(servers.map(([, server]) => server.close())));
  const targets = Object.fromEntries(servers.map(([name, { port }]) => [`torwacht-${name}`, port]));
  const prometheus = await startPrometheus(program ?? '', targets);
  after(() => prometheus.stop());
  const scrape = async () => {
    const before = { ...scraped };
    while (Object.entries(scraped).some(([name, count]) => count < (before[name] ?? 0) + SCRAPES)) {
      await sleep(100);
    }
  };
  /** Those of them that give nothing, or something. */
  const giving = async (exprs: readonly string[], something: boolean) => {
    const results = await Promise.all(
      exprs.map(async (expr) => ({ expr, result: await prometheus.query(expr) })),
    );
    return results.filter(({ result }) => result.length > 0 === something).map(({ expr }) => expr);
  };

  await scrape();
  const alerts = rules.map(({ expr }) => expr);
  assert.deepEqual(await giving(alerts, true), [], 'all is well');
  bad = true;
  await scrape();
  await scrape();
  const panels = sections.flatMap((section) => section.panels);
  const shown = panels.flatMap(({ queries }) => queries.map(({ expr }) => expr));
  assert.deepEqual(await giving(shown, false), [], 'panels without data');
  assert.deepEqual(await giving(alerts, false), [], 'alerts that do not fire');
});
