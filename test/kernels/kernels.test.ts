/**
 * The engine on kernels of other Debian suites, and on the host's for comparison: everything of plan.ts on
 * each of them. A kernel that cannot be had or does not boot has failed.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, describe, type TestContext, test } from 'node:test';
import { skip } from '../e2e/stage.ts';
import { makeImage } from './image.ts';
import { unknownSite } from './mirrors.ts';
import { fetchPackages } from './packages.ts';
import { KERNELS } from './places.ts';
import { isWide, planned, plannedFor } from './plan.ts';
import { type Run, runGuest, runHost } from './run.ts';
import { kernelSources } from './suites.ts';
import { type Column, KEPT, LATEST, promises, ratio, readColumns, render } from './table.ts';

const plan = planned();
/** The one suite whose kernel is tried, instead of all and the host's. */
const only = process.env.TORWACHT_ONLY;
const columns: Column[] = [];
/** On how many kernels a file was run, and where and why a test of it was skipped. */
const ran = new Map<string, number>();
const skips = new Map<string, { readonly file: string; readonly reasons: readonly string[] }>();
/** Kernels that nothing on this host says where to get, with the reason. */
const untried = new Map(
  kernelSources.flatMap((source) => {
    const unknown = unknownSite(source);
    return unknown === undefined ? [] : [[source.name, unknown] as const];
  }),
);
const order = [...kernelSources.map(({ name }) => name), 'host'];
const REPORT = `${KERNELS}/table.txt`;
if (only === undefined) rmSync(REPORT, { force: true });

/** Each test that ran there is one here. */
async function report(t: TestContext, { column, tallies }: Run): Promise<void> {
  columns.push(column);
  for (const [file, { passed, failed, skipped }] of tallies) {
    ran.set(file, (ran.get(file) ?? 0) + 1);
    for (const { name, reason } of skipped) {
      const known = skips.get(name) ?? { file, reasons: [] };
      skips.set(name, { file, reasons: [...known.reasons, `${column.name}: ${reason}`] });
    }
    for (const { name, output } of failed) await t.test(name, () => assert.fail(output));
    await t.test(`${file}: ${passed} passed`, () =>
      assert.ok(passed > 0 || failed.length > 0, 'nothing of it ran'),
    );
  }
  assert.ok(
    ratio(column.facts) > 1,
    `a packet costs ${ratio(column.facts)} times an empty program`,
  );
}

// First: it fills a cache of compiled programs for the others.
test('the kernel of this host', { skip: skip || only !== undefined }, async (t) => {
  await report(t, runHost(plan));
});

/** A machine does one thing at a time for the most part, so two of them keep two processors busy. */
const concurrency = Number(process.env.TORWACHT_MACHINES ?? 2);

/** With the one that takes longest at the end, a processor would have nothing to do. */
const longestFirst = kernelSources
  .filter(({ name }) => only === undefined || name === only)
  .toSorted((a, b) => load(b.name) - load(a.name));

describe('other kernels', { concurrency }, () => {
  for (const suite of longestFirst) {
    const why = skip || (untried.get(suite.name) ?? false);
    test(`the kernel of ${suite.name}`, { skip: why }, async (t) => {
      const packages = fetchPackages(suite);
      const image = makeImage(suite, packages);
      t.diagnostic(`${image.release}, package version ${image.version}`);
      if (packages.stale) t.diagnostic(`the archive was not asked: ${packages.stale}`);
      await report(t, await runGuest(image, plan));
    });
  }
});

test('what was skipped on one kernel was run on another', { skip }, async (t) => {
  for (const [name, { file, reasons }] of skips) {
    if (reasons.length < (ran.get(file) ?? 0)) continue;
    await t.test(name, (one) => one.skip(`on every kernel: ${reasons.join('; ')}`));
  }
});

test('every kernel does what docs/kernels.md says of it', {
  skip: skip || only !== undefined,
}, () => {
  assert.ok(existsSync(KEPT), 'nothing was kept yet: run make kernels');
  const kept = readColumns(KEPT).filter(({ name }) => !untried.has(name));
  const idsOf = (all: readonly Column[], name: string) =>
    Object.keys(all.find((one) => one.name === name)?.results ?? {});
  // What was kept of a kernel and tried on it now.
  const both = (name: string) => {
    const before = idsOf(kept, name);
    return idsOf(columns, name).filter((id) => before.includes(id));
  };
  const rows = (of: readonly Column[]) =>
    promises(of.map((one) => ({ ...one, results: pick(one.results, both(one.name)) })));
  assert.deepEqual(rows(columns), rows(kept), 'if it is as it should be, run make kernels');
});

after(() => {
  if (columns.length === 0 || only !== undefined) return;
  columns.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  mkdirSync(KERNELS, { recursive: true });
  // Of fewer kernels, or of some rows, docs/kernels.md is not made.
  if (isWide()) writeFileSync(LATEST, `${JSON.stringify(columns, null, 2)}\n`);
  writeFileSync(REPORT, `${render(columns)}\n`);
});

/** Files of tests. */
function load(name: string): number {
  return plannedFor(name, plan).flatMap(({ files }) => files).length;
}

const pick = (from: Readonly<Record<string, string>>, ids: readonly string[]) =>
  Object.fromEntries(Object.entries(from).filter(([id]) => ids.includes(id)));
