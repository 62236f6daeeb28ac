import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { useApiServer } from '../apiserver/server.ts';
import { clientOf } from './connect.ts';
import { configMaps } from './website.ts';

const run = promisify(execFile);
const program = join(import.meta.dirname, 'fixtures/cache-memory.ts');
const count = 500;

/** As many fields as a small policy has; three managers have a part in it, as with Flux, kubectl and us. */
const data = Object.fromEntries(
  Array.from({ length: 20 }, (_, at) => [`field-${at}`, `value ${at}`]),
);
const parts: readonly [string, object][] = [
  ['gitops', data],
  ['kubectl', { more: 'by hand' }],
  ['operator', { state: 'ready' }],
];

test('a cache without managed fields takes less than half', async (t) => {
  const api = await useApiServer(t);
  const client = clientOf(api);
  t.after(() => client.close());
  const numbers = Array.from({ length: count }, (_, at) => at);
  const fill = async () => {
    for (let at = numbers.pop(); at !== undefined; at = numbers.pop()) {
      const metadata = { name: `object-${at}`, namespace: 'default', labels: { app: 'memory' } };
      for (const [fieldManager, fields] of parts) {
        await client.apply(configMaps, { metadata, data: fields }, { fieldManager });
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, fill));
  const measure = async (what: string) => {
    const { stdout } = await run(process.execPath, ['--expose-gc', program, api.kubeconfig, what]);
    const { objects, taken } = JSON.parse(stdout) as { objects: number; taken: number };
    assert.equal(objects, count);
    t.diagnostic(
      `${what}: ${(taken / 1e6).toFixed(1)} MB for ${count} objects, ${Math.round(taken / count)} bytes each`,
    );
    return taken;
  };
  const managed = await measure('managed');
  const plain = await measure('plain');
  assert.ok(plain < managed / 2, `${plain} of ${managed}`);
});
