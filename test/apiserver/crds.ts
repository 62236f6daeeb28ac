/** Puts our CustomResourceDefinitions into an API server. */
import { join } from 'node:path';
import { kindDefinitions } from '#api/kinds.ts';
import { apiVersion } from '#api/version.ts';
import { ROOT } from '../cluster/names.ts';
import { waitFor } from '../cluster/wait.ts';
import type { ApiServer } from './server.ts';

/** Resolves when objects of every kind can be written, and watched by many at once. */
export async function installCrds({
  kubectl,
  request,
}: Pick<ApiServer, 'kubectl' | 'request'>): Promise<void> {
  const path = join(ROOT, 'config/crd');
  await kubectl(['apply', '--kustomize', path]);
  await established({ kubectl }, 'crd', '--selector=app.kubernetes.io/part-of=torwacht');
  // Who comes before a kind's cache is filled is told to come again.
  for (const { plural } of kindDefinitions) {
    const asked = { path: `/apis/${apiVersion}/${plural}` };
    await waitFor(`${plural} are served`, async () => (await request(asked)).status === 200);
  }
}

/**
 * Resolves when these kinds are served. `kubectl wait` fails where it comes before a kind has any condition.
 * @param which as for kubectl: `crd/NAME`, or `crd` and what selects them
 */
export async function established(
  { kubectl }: Pick<ApiServer, 'kubectl'>,
  ...which: readonly string[]
): Promise<void> {
  await waitFor('the kinds are established', async () => {
    await kubectl(['wait', ...which, '--for=condition=Established', '--timeout=60s']);
    return true;
  });
}
