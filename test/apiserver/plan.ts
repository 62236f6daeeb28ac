/** What an API server without nodes is called with: loopback only, and nothing that survives it. */
import { join } from 'node:path';
import { BUILD } from '../cluster/names.ts';
import { type Subject, writeCertificates } from '../cluster/node/certificates.ts';
import {
  apiServerOptions,
  controllerManagerOptions,
  etcd,
  type Options,
  type Program,
  partsOf,
} from '../cluster/node/control-plane.ts';
import type { Folder } from './folder.ts';
import { freePorts } from './ports.ts';

export interface Plan {
  readonly port: number;
  /** Of etcd, for clients. */
  readonly etcdUrl: string;
  readonly etcd: Program;
  readonly server: Program;
  readonly controllers: Program;
}

/** What is added to a program's command line, or replaces what is there: `{ 'v': '4' }`. */
export interface More {
  readonly server?: Options;
  readonly controllers?: Options;
}

export async function planFor(folder: Folder, more: More): Promise<Plan> {
  const file = (name: string): string => join(folder.certificates, name);
  const kubernetes = partsOf(join(BUILD, 'kube'));
  const [port = 0, clients, peers] = await freePorts(3);
  const etcdUrl = `http://127.0.0.1:${clients}`;
  return {
    port,
    etcdUrl,
    etcd: etcd(
      {
        data: join(folder.path, 'etcd/data'),
        clients: etcdUrl,
        peers: `http://127.0.0.1:${peers}`,
      },
      // It survives a kill all the same: what was written is in the kernel.
      { 'unsafe-no-fsync': 'true' },
    ),
    server: kubernetes('kube-apiserver', {
      ...apiServerOptions(file),
      'bind-address': '127.0.0.1',
      'secure-port': String(port),
      'advertise-address': '127.0.0.1',
      // An Endpoints object cannot name the loopback.
      'endpoint-reconciler-type': 'none',
      'etcd-servers': etcdUrl,
      'service-cluster-ip-range': '10.96.0.0/16',
      ...more.server,
    }),
    controllers: kubernetes('kube-controller-manager', {
      ...controllerManagerOptions(file),
      'secure-port': '0',
      ...more.controllers,
    }),
  };
}

const subjects: readonly Subject[] = [
  { file: 'admin', user: 'admin', groups: ['system:masters'] },
  { file: 'kube-controller-manager', user: 'system:kube-controller-manager' },
  { file: 'kube-apiserver', user: 'kube-apiserver', names: ['DNS:localhost', 'IP:127.0.0.1'] },
];

export function writeAuthority(folder: Folder): void {
  writeCertificates(folder.certificates, subjects);
}
