/**
 * How etcd, the API server and its controllers are called: as tables of options, wherever they run. A
 * node has them at its own places, a fixture without a node (../../apiserver) in a folder of its own.
 */

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

export type Options = Readonly<Record<string, string>>;

/** Of the one program that is all of Kubernetes, the part with this name. */
export type Part = (name: string, options: Options) => Program;

export function partsOf(kube: string): Part {
  return (name, options) => ({ name, command: kube, args: [name, ...flags(options)] });
}

/** Files of `writeCertificates` and of kubeconfigs, by their names. */
type File = (name: string) => string;

export interface EtcdPlace {
  readonly data: string;
  /** URLs to listen at. */
  readonly clients: string;
  readonly peers: string;
}

export function etcd({ data, clients, peers }: EtcdPlace, more: Options = {}): Program {
  return {
    name: 'etcd',
    command: 'etcd',
    args: flags({
      name: 'node',
      'data-dir': data,
      'listen-client-urls': clients,
      'advertise-client-urls': clients,
      'listen-peer-urls': peers,
      // Debian builds it for more architectures than its authors have tested.
      'log-level': 'warn',
      ...more,
    }),
  };
}

export function apiServerOptions(file: File): Options {
  return {
    'client-ca-file': file('ca.crt'),
    'tls-cert-file': file('kube-apiserver.crt'),
    'tls-private-key-file': file('kube-apiserver.key'),
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': file('sa.pub'),
    'service-account-signing-key-file': file('sa.key'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': 'true',
  };
}

export function controllerManagerOptions(file: File): Options {
  return {
    kubeconfig: file('kube-controller-manager.kubeconfig'),
    'root-ca-file': file('ca.crt'),
    'cluster-signing-cert-file': file('ca.crt'),
    'cluster-signing-key-file': file('ca.key'),
    'service-account-private-key-file': file('sa.key'),
    'use-service-account-credentials': 'true',
    'leader-elect': 'false',
  };
}

function flags(options: Options): string[] {
  return Object.entries(options).map(([option, value]) => `--${option}=${value}`);
}
