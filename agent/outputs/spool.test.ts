import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openReceiver } from '#delivery/testing/receiver.ts';
import type { Queued } from './output.ts';
import { Spool } from './spool.ts';
import { idsOf, openOutput } from './testing/output.ts';
import { rowOf, until } from './testing/rows.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-spool-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function smallDisk(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-spool-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', folder], { stdio: 'pipe' });
    t.after(() => {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

function spoolIn(
  t: TestContext,
  folder: string,
  { bound = 1 << 20, started = 1, instance = 'one' } = {},
) {
  let lost = 0;
  const unreadable = (rows: number) => {
    lost += rows;
  };
  const spool = new Spool({ folder, bound, instance, started, unreadable });
  t.after(() => spool.close());
  return { spool, lost: () => lost };
}

function rows(first: number, count: number): readonly Queued[] {
  return Array.from({ length: count }, (_, i) => ({ seq: first + i, event: rowOf(), parts: [] }));
}

async function drain(spool: Spool): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let batch = await spool.read(100); batch; batch = await spool.read(100)) {
    ids.push(...batch.events.map(({ seq }) => `${batch?.instance}/${seq}`));
    await spool.done(batch);
  }
  return ids;
}

function sizeOf(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

test('rows come back in order, instance by instance, and what is done is gone', async (t) => {
  const folder = folderFor(t);
  const one = spoolIn(t, folder);
  await one.spool.append(rows(1, 2));
  await one.spool.close();
  const { spool } = spoolIn(t, folder, { started: 2, instance: 'two' });
  await spool.append(rows(1, 1));
  assert.equal(spool.rows, 3);
  assert.deepEqual(await drain(spool), ['one/1', 'one/2', 'two/1']);
  assert.equal(spool.rows, 0);
  assert.deepEqual(readdirSync(folder), []);
  await spool.append(rows(2, 1));
  assert.deepEqual(await drain(spool), ['two/2'], 'it goes on');
});

test('it holds no more bytes than it may, and takes rows again when some are done', async (t) => {
  const folder = folderFor(t);
  const { spool } = spoolIn(t, folder, { bound: 1 << 20 });
  let seq = 1;
  while (await spool.append(rows(seq, 100))) seq += 100;
  assert.ok(seq > 1000);
  assert.ok(sizeOf(folder) <= 1 << 20);
  assert.equal((await drain(spool)).length, seq - 1);
  assert.equal(await spool.append(rows(seq, 100)), true);
});

test('what is done stays done within a file, and what is not comes again', async (t) => {
  const folder = folderFor(t);
  const { spool } = spoolIn(t, folder);
  await spool.append(rows(1, 250));
  const first = await spool.read(100);
  assert.ok(first);
  await spool.done(first);
  assert.equal((await spool.read(100))?.events[0]?.seq, 101);
  assert.equal((await spool.read(100))?.events[0]?.seq, 101);
  assert.equal(spool.rows, 150);
});

test('broken lines, torn ends and cut files are counted, and the rest is delivered', async (t) => {
  const folder = folderFor(t);
  const one = spoolIn(t, folder);
  await one.spool.append(rows(1, 2));
  await one.spool.close();
  const [name = ''] = readdirSync(folder);
  const torn = '{"seq":3,"eve';
  appendFileSync(join(folder, name), `not json\n{"seq":"x"}\nnull\n${torn}`);
  writeFileSync(join(folder, 'of-someone-else'), 'x\n');
  const { spool, lost } = spoolIn(t, folder, { started: 2, instance: 'two' });
  assert.deepEqual(await drain(spool), ['one/1', 'one/2']);
  assert.equal(lost(), 4);
  assert.ok(existsSync(join(folder, 'of-someone-else')));

  await spool.append(rows(1, 5));
  const mine = readdirSync(folder).find((file) => file.endsWith('.jsonl')) ?? '';
  truncateSync(join(folder, mine), 10);
  assert.deepEqual(await drain(spool), []);
  assert.equal(lost(), 9);
  await spool.append(rows(6, 1));
  assert.deepEqual(await drain(spool), ['two/6']);
});

test('a file that can be neither read nor removed is given up, and the next one is taken', async (t) => {
  const folder = folderFor(t);
  const { spool, lost } = spoolIn(t, folder);
  await spool.append(rows(1, 3));
  const [name = ''] = readdirSync(folder);
  rmSync(join(folder, name));
  mkdirSync(join(folder, name, 'not-empty'), { recursive: true });
  assert.deepEqual(await drain(spool), []);
  assert.equal(lost(), 3);
  await spool.append(rows(4, 1));
  assert.deepEqual(await drain(spool), ['one/4']);
  assert.ok(existsSync(join(folder, name)));
});

test('a folder that cannot be made rejects what is appended', async (t) => {
  const folder = folderFor(t);
  writeFileSync(join(folder, 'file'), '');
  const { spool } = spoolIn(t, join(folder, 'file', 'spool'));
  await assert.rejects(spool.append(rows(1, 1)), { code: 'ENOTDIR' });
  assert.equal(await spool.read(1), undefined);
});

test('a disk that is full costs no row: they wait in memory, and are delivered from there', async (t) => {
  const folder = smallDisk(t);
  if (folder === undefined) return t.skip('a small tmpfs cannot be mounted here');
  let away = true;
  const receiver = await openReceiver(() => ({ status: away ? 503 : 200 }));
  t.after(() => receiver.close());
  const { output, tally, instance, faults } = openOutput({ url: receiver.url, folder });
  for (let count = 1; count <= 2000; count++) output.send(rowOf({ count }));
  await until(() => faults.length > 0);
  assert.equal((faults[0] as NodeJS.ErrnoException).code, 'ENOSPC');
  away = false;
  receiver.received.length = 0;
  await until(() => output.waiting === 0);
  await output.end(AbortSignal.abort());
  const ids = idsOf(receiver.received);
  assert.deepEqual(
    [...new Set(ids)],
    Array.from({ length: 2000 }, (_, i) => `${instance}/${i + 1}`),
  );
  assert.equal(tally.counts.sent, 2000);
  assert.equal(tally.settled, 2000);
});
