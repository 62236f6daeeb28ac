/**
 * The settings of the node's programs, as the files that they read. Pure: values in, text out. JSON is
 * YAML, so nothing is quoted by hand.
 */
import { link } from '../../lab/addresses.ts';
import { API_PORT, addresses, NODE_NAME } from '../names.ts';
import { runtime } from './runtime.ts';

/** Where the node has them, as kubeadm's nodes do. */
export const KUBERNETES = '/etc/kubernetes';

/** The server as the node itself reaches it. */
export const INSIDE = `https://127.0.0.1:${API_PORT}`;

/** How somebody says who it is: texts are PEM. */
export type Credentials =
  | { readonly certificate: string; readonly key: string }
  | { readonly token: string };

export interface Login {
  readonly server: string;
  /** PEM. */
  readonly authority: string;
  readonly credentials: Credentials;
}

export function kubeconfig({ server, authority, credentials }: Login): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const name = 'torwacht';
  return json({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(authority) } }],
    users: [
      {
        name,
        user:
          'token' in credentials
            ? credentials
            : {
                'client-certificate-data': base64(credentials.certificate),
                'client-key-data': base64(credentials.key),
              },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}

/** The other one, systemd, has slices in place of paths, and needs systemd as the host's init. */
const CGROUP_DRIVER: 'cgroupfs' | 'systemd' = 'cgroupfs';

export function kubeletSettings(cgroupRoot: string): string {
  return json({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${KUBERNETES}/ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `${KUBERNETES}/kubelet.crt`,
    tlsPrivateKeyFile: `${KUBERNETES}/kubelet.key`,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    clusterDNS: [addresses.dns],
    clusterDomain: 'cluster.local',
    resolvConf: '/etc/resolv.conf',
    cgroupDriver: CGROUP_DRIVER,
    // Its own part of the tree: several clusters on one host do not meet, and none is left behind.
    cgroupRoot: `/${cgroupRoot}`,
    failCgroupV1: false,
    failSwapOn: false,
    // On a host with cgroup v1 and without quotas these would keep the node from being ready.
    localStorageCapacityIsolation: false,
    enforceNodeAllocatable: [],
    // The test host's disk and memory are not the cluster's to judge.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '50Mi' },
    // kube-proxy works with nftables; nothing here needs the kubelet's chains.
    makeIPTablesUtilChains: false,
    // A test must not wait for the slow first steps of a back-off that is made for production.
    syncFrequency: '10s',
    nodeStatusUpdateFrequency: '4s',
    shutdownGracePeriod: '0s',
    maxPods: 110,
  });
}

export function proxySettings(): string {
  return json({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clusterCIDR: addresses.pods,
    clientConnection: { kubeconfig: `${KUBERNETES}/kube-proxy.kubeconfig` },
    hostnameOverride: NODE_NAME,
    // These sizes are the machine's, not the namespace's: they stay as they are.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
}

export const PAUSE_IMAGE = 'localhost/torwacht-test/pause:1';

/** Where everybody but Debian has the CNI plugins. */
export const PLUGINS = '/opt/cni/bin';

export function containerdSettings(): string {
  return `version = 2
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE nobody can lower it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"${runtime.shim ? `\n    runtime_path = "${runtime.shim}"` : ''}
    options = { SystemdCgroup = ${CGROUP_DRIVER !== 'cgroupfs'} }
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${PLUGINS}"
    conf_dir = "/etc/cni/net.d"
`;
}

/** The route by which a pod knows that it is in a cluster of ours; see ../../lab/mark.ts. */
export const MARK_ROUTE = `${link.host.v4}/32`;

/**
 * Each pod has a veth of its own to the node, which routes: what pods send each other passes the node,
 * as kube-proxy needs it. Nothing is masqueraded: the internet's side sees which pod it was. Kubernetes
 * itself knows one family; pods have IPv6 as well, so that a test can see it leave.
 */
export function podNetwork(ipv6: boolean): string {
  const range = (subnet: string) => [{ subnet }];
  const route = (dst: string) => ({ dst });
  return json({
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      { type: QUICK_PLUGIN },
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [range(addresses.pods), ...(ipv6 ? [range(addresses.pods6)] : [])],
          routes: [route('0.0.0.0/0'), route(MARK_ROUTE), ...(ipv6 ? [route('::/0')] : [])],
        },
      },
    ],
  });
}

/**
 * A CNI plugin (CNI 0.4.0) that does one thing first: no address of the pod waits two seconds to see
 * whether somebody else on its two-ended link has it.
 */
export const QUICK_PLUGIN = 'quick';
export const QUICK_PLUGIN_SCRIPT = `#!/bin/sh
if [ "$CNI_COMMAND" = VERSION ]; then
  echo '{"cniVersion":"0.4.0","supportedVersions":["0.4.0"]}'
  exit
fi
if [ "$CNI_COMMAND" = ADD ] && [ -d /proc/sys/net/ipv6 ]; then
  nsenter --net="$CNI_NETNS" sh -c 'for name in all default; do
    echo 0 > "/proc/sys/net/ipv6/conf/$name/accept_dad"
  done'
fi
echo '{"cniVersion":"0.4.0"}'
`;

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
