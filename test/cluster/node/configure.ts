/** Writes what the node finds in /etc: certificates, kubeconfigs, settings of its programs. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { addresses, NODE_NAME, type Place } from '../names.ts';
import { type Subject, writeCertificates } from './certificates.ts';
import { writeEtc } from './mounts.ts';
import {
  containerdSettings,
  INSIDE,
  kubeconfig,
  kubeletSettings,
  type Login,
  PLUGINS,
  podNetwork,
  proxySettings,
  QUICK_PLUGIN,
  QUICK_PLUGIN_SCRIPT,
} from './settings.ts';

export function writeSettings(at: Place): void {
  const server = [
    ...['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map((name) => `DNS:${name}`),
    ...['DNS:kubernetes.default.svc.cluster.local', 'DNS:localhost'],
    ...['127.0.0.1', addresses.api, addresses.node].map((address) => `IP:${address}`),
  ];
  const logins: readonly Subject[] = [
    { file: 'admin', user: 'admin', groups: ['system:masters'] },
    { file: 'kube-controller-manager', user: 'system:kube-controller-manager' },
    { file: 'kube-scheduler', user: 'system:kube-scheduler' },
    { file: 'kube-proxy', user: 'system:kube-proxy' },
    {
      file: 'kubelet',
      user: `system:node:${NODE_NAME}`,
      groups: ['system:nodes'],
      names: [`DNS:${NODE_NAME}`, `IP:${addresses.node}`],
    },
  ];
  const folder = join(at.state, 'layer/etc/kubernetes');
  writeCertificates(folder, [
    ...logins,
    { file: 'kube-apiserver', user: 'kube-apiserver', names: server },
  ]);
  for (const { file } of logins) {
    writeEtc(at, `kubernetes/${file}.kubeconfig`, kubeconfig(login(folder, file, INSIDE)));
  }
  writeEtc(at, 'kubernetes/kubelet.yaml', kubeletSettings(at.id));
  writeEtc(at, 'kubernetes/kube-proxy.yaml', proxySettings());
  writeEtc(at, 'containerd/config.toml', containerdSettings());
  // The first by name is the one that counts, should the host have others.
  writeEtc(at, 'cni/net.d/00-torwacht.conflist', podNetwork(existsSync('/proc/sys/net/ipv6')));
  writePlugins(at);
}

function login(folder: string, file: string, server: string): Login {
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const [authority, certificate, key] = [text('ca.crt'), text(`${file}.crt`), text(`${file}.key`)];
  return { server, authority, credentials: { certificate, key } };
}

/** The administrator's, for the host: the API server is behind a port of its loopback there. */
export function writeKubeconfig(at: Place, port: number): void {
  const folder = join(at.state, 'layer/etc/kubernetes');
  const content = kubeconfig(login(folder, 'admin', `https://127.0.0.1:${port}`));
  writeFileSync(at.kubeconfig, content, { mode: 0o600 });
}

/** The host's CNI plugins and our own in one folder, for containerd looks into one only. */
function writePlugins(at: Place): void {
  const folder = join(at.state, 'layer', PLUGINS);
  mkdirSync(folder, { recursive: true });
  const debian = '/usr/lib/cni';
  for (const name of existsSync(debian) ? readdirSync(debian) : []) {
    symlinkSync(join(debian, name), join(folder, name));
  }
  writeFileSync(join(folder, QUICK_PLUGIN), QUICK_PLUGIN_SCRIPT, { mode: 0o755 });
}
