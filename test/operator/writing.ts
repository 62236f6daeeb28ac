/** Objects of tests, written as people and kubelets write them. */
import { type Client, type KubeObject, placeOf, type Resource, resource } from '#kube/index.ts';
import {
  clusterEgressPolicies,
  egressPolicies,
  namespaces,
  nodes,
  runnerBindings,
} from '#operator/resources.ts';

export const events = resource<
  KubeObject & {
    reason: string;
    note: string;
    type: string;
    regarding: { kind: string; name: string };
  }
>({ group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events', namespaced: true });

export class Writing {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  namespace(name: string, labels: Record<string, string> = {}): Promise<unknown> {
    return this.#apply(namespaces, name, { labels });
  }

  /** @param path `namespace/name` */
  policy(path: string, spec: object): Promise<unknown> {
    return this.#replace(egressPolicies, path, spec);
  }

  binding(path: string, spec: object = {}): Promise<unknown> {
    return this.#replace(runnerBindings, path, spec);
  }

  cluster(name: string, spec: object): Promise<unknown> {
    return this.#replace(clusterEgressPolicies, name, spec);
  }

  remove(of: Resource, path: string): Promise<void> {
    return this.#client.delete(of, placeOf(path));
  }

  async node(name: string, ready = true): Promise<void> {
    await this.#apply(nodes, name, { labels: { 'kubernetes.io/os': 'linux' } });
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }];
    await this.#client.apply(
      nodes,
      { metadata: { name }, status: { conditions } },
      { force: true, subresource: 'status' },
    );
  }

  #apply(of: Resource<KubeObject>, path: string, metadata: object): Promise<unknown> {
    return this.#client.apply(of, { metadata: { ...placeOf(path), ...metadata } }, { force: true });
  }

  #replace(of: Resource<KubeObject>, path: string, spec: object): Promise<unknown> {
    const kind = of as Resource<KubeObject & { spec: object }>;
    return this.#client.apply(kind, { metadata: placeOf(path), spec }, { force: true });
  }
}
