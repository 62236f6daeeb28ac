/**
 * The node's own view of the file system, in a mount namespace: programs find everything at the places
 * where it is on any node (/run/containerd, /var/lib/kubelet, /etc/cni, /sys/fs/bpf), and the host
 * keeps none of it. When the last process of the node has ended, the kernel takes all mounts away.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DNS_ADDRESS } from '../../lab/addresses.ts';
import { BUILD, type Place } from '../names.ts';

/** Written over by every kubelet on its start, and the whole machine's: the node gets files instead. */
const TUNABLES = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

/** Folders of the host that the node sees with changes of its own. */
const LAYERED = ['etc', 'opt', 'var'];

/**
 * Runs in a new mount namespace. /run comes last: the state itself lies there. What the node writes
 * into /run and /var/log can be read from outside below the cluster's state.
 */
const SCRIPT = `
state=$1 disk=$2 build=$3 layered=$4 tunables=$5
mount --make-rshared /
mount --bind "$disk" "$state/disk"
mount --bind "$build" "$state/run/build"
for folder in $layered; do
  mount -t overlay "$folder" -o \
"lowerdir=/$folder,upperdir=$state/layer/$folder,workdir=$state/work/$folder" "/$folder"
done
mkdir -p /var/log /var/lib/containerd /var/lib/kubelet /var/lib/etcd /var/lib/cni /opt/cni
mount --bind "$state/log" /var/log
mount --bind "$state/disk/containerd" /var/lib/containerd
mount --bind "$state/disk/kubelet" /var/lib/kubelet
for folder in /var/lib/etcd /var/lib/cni; do mount -t tmpfs -o mode=700 tmpfs "$folder"; done
mount -t bpf -o nosuid,nodev,noexec,mode=700 bpf /sys/fs/bpf
for tunable in $tunables; do
  copy="$state/tunables/\${tunable##*/}"
  cat "/proc/sys/$tunable" > "$copy"
  mount --bind "$copy" "/proc/sys/$tunable"
done
mount --rbind "$state/run" /run
exec sleep infinity
`;

/** Where the node finds what was built, wherever the checkout is. */
export const BUILD_INSIDE = '/run/build';

/** The folders that the script wants, with what the node finds in /etc. */
export function prepareFolders(at: Place): void {
  const folders = ['log', 'run/build', 'run/netns', 'run/lock', 'tunables', 'disk'];
  for (const name of LAYERED) folders.push(`layer/${name}`, `work/${name}`);
  for (const name of ['kubernetes', 'cni/net.d', 'containerd']) folders.push(`layer/etc/${name}`);
  for (const name of folders) mkdirSync(join(at.state, name), { recursive: true });
  for (const name of ['containerd', 'kubelet']) {
    mkdirSync(join(at.disk, name), { recursive: true });
  }
  writeEtc(at, 'resolv.conf', `nameserver ${DNS_ADDRESS}\noptions timeout:2\n`, 0o644);
  writeEtc(at, 'nsswitch.conf', 'hosts: files dns\npasswd: files\ngroup: files\n', 0o644);
}

/** A file of the node's /etc, by its path below it. Only before the node's mounts are made. */
export function writeEtc(at: Place, path: string, content: string, mode = 0o600): void {
  writeFileSync(join(at.state, 'layer/etc', path), content, { mode });
}

/** The command line of the process that holds the node's namespaces. */
export function holder(at: Place, netns: string): { command: string; args: string[] } {
  const unshare = ['unshare', '--mount', '--propagation', 'slave'];
  const shell = ['sh', '-ec', SCRIPT, 'twcluster-node'];
  const values = [at.state, at.disk, BUILD, LAYERED.join(' '), TUNABLES.join(' ')];
  return { command: 'nsenter', args: [`--net=${netns}`, ...unshare, ...shell, ...values] };
}
