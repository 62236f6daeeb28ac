/** Network plugins that change what a pod's packets meet after our hooks, as far as that is known. */
import type { ConfigMap, DaemonSet } from '../cluster/resources.ts';
import { type Finding, pass, warn } from '../findings.ts';

interface Known {
  /** Names of its DaemonSet. */
  readonly daemonSet: RegExp;
  /** Null where it does not stand in the way. */
  problem(daemonSet: DaemonSet, cilium: ConfigMap | undefined): Problem | null;
}

interface Problem {
  readonly sentence: string;
  readonly hint: string;
}

const SERVICES =
  'Allow the addresses of the pods behind such a service by cidr, or let it balance elsewhere than at sockets.';

const known: readonly Known[] = [
  {
    daemonSet: /^(cilium|anetd)$/,
    problem(_, { data = {} } = {} as ConfigMap) {
      const replaces = ['true', 'strict', 'partial'].includes(data['kube-proxy-replacement'] ?? '');
      const sockets = data['bpf-lb-sock'] === 'true' || replaces;
      if (!sockets || data['bpf-lb-sock-hostns-only'] === 'true') return null;
      return {
        sentence:
          'Cilium rewrites addresses of services at sockets, after our address hooks and before the packet hook: services of the cluster are judged by the addresses of their pods',
        hint: `${SERVICES} Cilium: bpf-lb-sock-hostns-only (socketLB.hostNamespaceOnly).`,
      };
    },
  },
  {
    daemonSet: /^calico-node$/,
    problem({ spec }) {
      const containers = spec?.template?.spec?.containers ?? [];
      const bpf = containers.some(({ env = [] }) =>
        env.some(({ name, value }) => name === 'FELIX_BPFENABLED' && value === 'true'),
      );
      if (!bpf) return null;
      return {
        sentence:
          'Calico runs its eBPF data plane, which may rewrite addresses of services when sockets connect: services of the cluster are then judged by the addresses of their pods',
        hint: `${SERVICES} Calico: bpfConnectTimeLoadBalancing.`,
      };
    },
  },
  {
    daemonSet: /multus|whereabouts|^sriov-/,
    problem: () => ({
      sentence:
        'pods can get further links (Multus, SR-IOV): behind macvlan, ipvlan and devices there is no backstop, and packet sockets are not held',
      hint: 'Give jobs no such network; `torwacht get nodes` shows pods that could not be held.',
    }),
  },
  {
    daemonSet: /^(istio-cni-node|ztunnel|linkerd-cni)$/,
    problem: () => ({
      sentence: 'a service mesh redirects packets in pods, perhaps port 53 too',
      hint: 'Keep it out of the namespaces of jobs (istio.io/dataplane-mode: none, linkerd.io/inject: disabled).',
    }),
  },
];

/** @param cilium its ConfigMap, where it is there */
export function networkFindings(
  daemonSets: readonly DaemonSet[],
  cilium: ConfigMap | undefined,
): readonly Finding[] {
  const problems = known.flatMap((one) => {
    const found = daemonSets.find(({ metadata }) => one.daemonSet.test(metadata.name));
    const problem = found === undefined ? null : one.problem(found, cilium);
    return problem === null || found === undefined
      ? []
      : [warn(`network.${found.metadata.name}`, problem.sentence, problem.hint)];
  });
  if (problems.length > 0) return problems;
  return [pass('network', 'no network plugin is there that is known to stand in the way')];
}
