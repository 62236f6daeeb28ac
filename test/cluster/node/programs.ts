/** The programs of the node and how each is called: a table. Paths are as the node sees them. */

import { API_PORT, addresses, NODE_NAME } from '../names.ts';
import {
  apiServerOptions,
  controllerManagerOptions,
  etcd,
  type Program,
  partsOf,
} from './control-plane.ts';
import { BUILD_INSIDE } from './mounts.ts';
import { runtime } from './runtime.ts';
import { KUBERNETES } from './settings.ts';

const etcdUrl = 'http://127.0.0.1:2379';
const file = (name: string): string => `${KUBERNETES}/${name}`;
const kubernetes = partsOf(`${BUILD_INSIDE}/kube`);

/** What the API server needs, and itself. */
export const first: readonly Program[] = [
  etcd({ data: '/var/lib/etcd/data', clients: etcdUrl, peers: 'http://127.0.0.1:2380' }),
  { name: 'containerd', command: runtime.command, args: [] },
  kubernetes('kube-apiserver', {
    ...apiServerOptions(file),
    'advertise-address': addresses.node,
    'secure-port': String(API_PORT),
    'etcd-servers': etcdUrl,
    'service-cluster-ip-range': addresses.services,
    'kubelet-certificate-authority': file('ca.crt'),
    'kubelet-client-certificate': file('admin.crt'),
    'kubelet-client-key': file('admin.key'),
    'kubelet-preferred-address-types': 'InternalIP',
  }),
];

/** They ask the API server at once, and some give up where there is none yet. */
export const second: readonly Program[] = [
  kubernetes('kube-controller-manager', controllerManagerOptions(file)),
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
