/** The programs of the node and how each is called: a table. Paths are as the node sees them. */

import { API_PORT, addresses, NODE_NAME } from '../names.ts';
import { BUILD_INSIDE } from './mounts.ts';
import { KUBERNETES } from './settings.ts';

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const etcdUrl = 'http://127.0.0.1:2379';
const file = (name: string): string => `${KUBERNETES}/${name}`;

function kubernetes(name: string, options: Readonly<Record<string, string>>): Program {
  const args = Object.entries(options).map(([option, value]) => `--${option}=${value}`);
  return { name, command: `${BUILD_INSIDE}/kube`, args: [name, ...args] };
}

/** What the API server needs, and itself. */
export const first: readonly Program[] = [
  {
    name: 'etcd',
    command: 'etcd',
    args: [
      '--name=node',
      '--data-dir=/var/lib/etcd/data',
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      '--listen-peer-urls=http://127.0.0.1:2380',
      // Debian builds it for more architectures than its authors have tested.
      '--log-level=warn',
    ],
  },
  { name: 'containerd', command: 'containerd', args: [] },
  kubernetes('kube-apiserver', {
    'advertise-address': addresses.node,
    'secure-port': String(API_PORT),
    'etcd-servers': etcdUrl,
    'service-cluster-ip-range': addresses.services,
    'client-ca-file': file('ca.crt'),
    'tls-cert-file': file('kube-apiserver.crt'),
    'tls-private-key-file': file('kube-apiserver.key'),
    'kubelet-certificate-authority': file('ca.crt'),
    'kubelet-client-certificate': file('admin.crt'),
    'kubelet-client-key': file('admin.key'),
    'kubelet-preferred-address-types': 'InternalIP',
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': file('sa.pub'),
    'service-account-signing-key-file': file('sa.key'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': 'true',
  }),
];

/** They ask the API server at once, and some give up where there is none yet. */
export const second: readonly Program[] = [
  kubernetes('kube-controller-manager', {
    kubeconfig: file('kube-controller-manager.kubeconfig'),
    'root-ca-file': file('ca.crt'),
    'cluster-signing-cert-file': file('ca.crt'),
    'cluster-signing-key-file': file('ca.key'),
    'service-account-private-key-file': file('sa.key'),
    'use-service-account-credentials': 'true',
    'leader-elect': 'false',
  }),
  kubernetes('kube-scheduler', {
    kubeconfig: file('kube-scheduler.kubeconfig'),
    'leader-elect': 'false',
  }),
  kubernetes('kubelet', {
    config: file('kubelet.yaml'),
    kubeconfig: file('kubelet.kubeconfig'),
    'hostname-override': NODE_NAME,
    'node-ip': addresses.node,
    'root-dir': '/var/lib/kubelet',
  }),
  kubernetes('kube-proxy', { config: file('kube-proxy.yaml') }),
];
