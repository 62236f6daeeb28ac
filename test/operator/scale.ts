/** Many objects, written quickly: what a large company has. */

import { apiVersion } from '#api/version.ts';
import { type Client, type KubeObject, placeOf, type Resource } from '#kube/index.ts';
import { egressPolicies, namespaces, nodes, runnerBindings } from '#operator/resources.ts';

export interface Size {
  readonly nodes: number;
  readonly namespaces: number;
  readonly policies: number;
  readonly bindings: number;
}

export const spaceName = (index: number): string => `team-${index}`;
export const policyPath = ({ namespaces: spaces }: Size, index: number): string =>
  `${spaceName(index % spaces)}/policy-${Math.floor(index / spaces)}`;

/** The head of the binding that a policy belongs to. */
export function bundleOf(size: Size, policy: number): string {
  const each = Math.ceil(size.namespaces / size.bindings);
  const space = policy % size.namespaces;
  return `${spaceName(space - (space % each))}.runners`;
}

export function policySpec(index: number, version = 0): object {
  return {
    selector: { projects: [`${1000 + index}`] },
    presets: ['npm'],
    allow: [
      { fqdn: [`v${version}.p${index}.example.com`, `*.cdn${index}.example.com`] },
      { fqdn: [`mirror${index}.corp.example`], ports: [{ port: 8443, protocol: 'TCP' }] },
      {
        cidr: [`10.${index % 250}.${(index >> 8) % 250}.0/24`],
        ports: [{ port: 5432, protocol: 'TCP' }],
      },
    ],
    deny: [{ fqdn: [`**.tracking${index}.example.com`] }],
  };
}

/** All but nodes: these come when the operator is to see them come. */
export async function fill(client: Client, size: Size): Promise<void> {
  await many(size.namespaces, (index) =>
    created(client, namespaces, { metadata: { name: spaceName(index) } }),
  );
  const each = Math.ceil(size.namespaces / size.bindings);
  await many(size.bindings, (index) => {
    const first = index * each;
    const owned = Array.from({ length: each }, (_, at) => first + at).filter(
      (at) => at < size.namespaces,
    );
    return created(client, runnerBindings, {
      metadata: placeOf(`${spaceName(first)}/runners`),
      spec: { mode: 'Block', selector: { namespaces: owned.map(spaceName) } },
    });
  });
  await many(size.policies, (index) =>
    created(client, egressPolicies, {
      metadata: placeOf(policyPath(size, index)),
      spec: policySpec(index),
    }),
  );
}

export const nodeNames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `node-${index}`);

export async function addNodes(client: Client, count: number): Promise<void> {
  const names = nodeNames(count);
  await many(count, async (index) => {
    const name = names[index] ?? '';
    const status = { conditions: [{ type: 'Ready', status: 'True' }] };
    const metadata = { name, labels: { 'kubernetes.io/os': 'linux' } };
    await created(client, nodes, { metadata });
    await client.patch(nodes, { name }, { status }, { subresource: 'status' });
  });
}

function created(client: Client, of: Resource, object: object): Promise<unknown> {
  const { group, version, kind } = of;
  const whole = { apiVersion: group === '' ? version : apiVersion, kind, ...object };
  return client.create(of, whole as unknown as KubeObject);
}

async function many(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}
