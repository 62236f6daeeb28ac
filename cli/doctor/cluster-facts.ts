/** What a cluster says that `torwacht doctor` asks about; null is what these credentials may not read. */

import { enforceLabel, spared } from '#webhook/manifests/common.ts';
import { type Cluster, ifAllowed, ifThere, isOf } from '../cluster/cluster.ts';
import { errors } from '../cluster/errors.ts';
import * as resources from '../cluster/resources.ts';
import { type Report, reportOf } from '../cluster/status.ts';

export interface ClusterFacts {
  /** Of the API server. */
  readonly version: string;
  readonly crds: readonly resources.Crd[] | null;
  /** Null where our kinds are not there. */
  readonly standing: Standing | null;
  /** Readiness of nodes, by name. */
  readonly nodes: readonly resources.Node[] | null;
  readonly webhooks: readonly resources.Webhooks[] | null;
  /** Endpoints of the webhook that are ready; null where none is configured. */
  readonly endpoints: number | null;
  readonly policies: readonly string[] | null;
  /** What is said to a pod without barrier in an enforced namespace; undefined where there is none. */
  readonly asked: Asked | undefined;
  readonly namespaces: readonly { readonly name: string; readonly enforced: boolean }[] | null;
  readonly daemonSets: readonly resources.DaemonSet[] | null;
  readonly cilium: resources.ConfigMap | undefined;
  /** Sentences about what could not be read. */
  readonly unread: readonly string[];
}

export interface Asked {
  readonly namespace: string;
  /** Null where it would be made. */
  readonly said: string | null;
  /** The init container that admission has put into it. */
  readonly injected: string | null;
}

export interface Standing {
  readonly report: Report;
  readonly bindings: readonly resources.Binding[];
}

/** @throws TW_KUBE_* where the cluster does not answer */
export async function readClusterFacts(cluster: Cluster): Promise<ClusterFacts> {
  const unread: string[] = [];
  const all = <T>(asked: Promise<T>) => ifAllowed(asked, unread);
  // The first question alone: where nobody answers, one error is enough.
  const version = await cluster.version();
  const [crds, nodes, webhooks, policies, namespaces, daemonSets, ciliumConfig] = await Promise.all(
    [
      all(cluster.list(resources.crds)),
      all(cluster.list(resources.nodes)),
      all(cluster.list(resources.webhooks)),
      all(cluster.list(resources.admissionPolicies)),
      all(cluster.list(resources.namespaces)),
      all(cluster.list(resources.daemonSets)),
      all(ifThere(cluster.get(resources.configMaps, ciliumPlace))),
    ],
  );
  const labelled =
    namespaces?.map(({ metadata }) => ({
      name: metadata.name,
      enforced: metadata.labels?.[enforceLabel] === 'true',
    })) ?? null;
  const ours = (webhooks ?? []).filter(({ metadata }) => metadata.name.startsWith('torwacht-'));
  return {
    version,
    crds,
    standing: await readStanding(cluster, nodes, unread),
    nodes,
    webhooks: webhooks === null ? null : ours,
    endpoints: await readEndpoints(cluster, ours, unread),
    policies: policies?.map(({ metadata }) => metadata.name) ?? null,
    asked: await ask(cluster, labelled),
    namespaces: labelled,
    daemonSets,
    cilium: ciliumConfig ?? undefined,
    unread,
  };
}

const ciliumPlace = { namespace: 'kube-system', name: 'cilium-config' };

async function readStanding(
  cluster: Cluster,
  nodes: readonly resources.Node[] | null,
  unread: string[],
): Promise<Standing | null> {
  const all = <T>(asked: Promise<T>) => ifAllowed(asked, unread);
  try {
    const [bindings, clusterPolicies, policies, agents] = await Promise.all([
      all(cluster.list(resources.bindings)),
      all(cluster.list(resources.clusterPolicies)),
      all(cluster.list(resources.policies)),
      all(cluster.list(resources.agents)),
    ]);
    if (bindings === null) return null;
    const world = { bindings, policies: [...(clusterPolicies ?? []), ...(policies ?? [])] };
    return { bindings, report: reportOf({ ...world, agents, nodes }) };
  } catch (error) {
    if (isOf(error, errors.notInstalled)) return null;
    throw error;
  }
}

/** Of the service that the webhook's configuration names. */
async function readEndpoints(
  cluster: Cluster,
  webhooks: readonly resources.Webhooks[],
  unread: string[],
): Promise<number | null> {
  const service = webhooks.flatMap((one) => one.webhooks ?? [])[0]?.clientConfig.service;
  if (service === undefined) return null;
  const slices = await ifAllowed(cluster.list(resources.endpointSlices, service.namespace), unread);
  if (slices === null) return null;
  const own = slices.filter(
    ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service.name,
  );
  return own
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length;
}

/** A pod that admission has to refuse, whatever its binding says; in a dry run nothing is made. */
async function ask(
  cluster: Cluster,
  namespaces: ClusterFacts['namespaces'],
): Promise<ClusterFacts['asked']> {
  const enforced = (namespaces ?? []).find(
    ({ name, enforced: is }) => is && !spared.includes(name),
  );
  if (enforced === undefined) return undefined;
  const container = {
    name: 'probe',
    image: 'torwacht.invalid/probe',
    resources: { limits: { cpu: '1m', memory: '1Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
  const spec = { automountServiceAccountToken: false, containers: [container], initContainers: [] };
  const pod = {
    metadata: { name: 'torwacht-doctor', namespace: enforced.name },
    spec,
  };
  const answer = await cluster.tryOut(resources.pods, pod);
  if (typeof answer === 'string') {
    return { namespace: enforced.name, said: answer, injected: null };
  }
  const injected = answer.spec?.initContainers?.[0]?.name ?? null;
  return { namespace: enforced.name, said: null, injected };
}
