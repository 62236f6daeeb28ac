/** What must be in force, from the objects alone: nothing of bundles, pieces and heads is asked. */
import type { TorwachtDocument } from '#api/documents.ts';
import type { Client } from '#kube/index.ts';
import {
  clusterEgressPolicies,
  egressPolicies,
  namespaces,
  runnerBindings,
} from '#operator/resources.ts';
import { checkDocument } from '#policy/check-document.ts';
import { compile } from '#policy/compile.ts';
import { governs } from '#policy/select.ts';
import type { Identity } from '#policy/types.ts';
import type { Fleet } from './fleet.ts';

/** The digests of compiled policies by namespace and project, for what stands in the API now. */
export async function expectedDigests(
  client: Client,
  identities: readonly Identity[],
): Promise<readonly string[]> {
  const lists = await Promise.all([
    client.list(egressPolicies),
    client.list(clusterEgressPolicies),
    client.list(runnerBindings),
  ]);
  const documents = lists
    .flatMap(({ items }): readonly object[] => items)
    .flatMap((item): readonly TorwachtDocument[] => {
      const { document } = checkDocument(item);
      return document === null ? [] : [document];
    });
  const { items } = await client.list(namespaces);
  return identities.map((identity) => {
    const space = items.find(({ metadata }) => metadata.name === identity.namespace);
    const namespaceLabels = space?.metadata.labels ?? {};
    return digestFor(documents, { ...identity, namespaceLabels });
  });
}

/** The same for what a node holds. */
export function heldDigests(
  fleet: Fleet,
  node: string,
  identities: readonly Identity[],
): readonly string[] {
  return identities.map((identity) =>
    digestFor(fleet.documents(node, identity.namespace), identity),
  );
}

function digestFor(documents: readonly TorwachtDocument[], identity: Identity): string {
  const isGoverned = documents.some(
    (one) => one.kind === 'RunnerBinding' && governs(one, identity),
  );
  return isGoverned ? compile(documents, identity).digest : 'not governed';
}
