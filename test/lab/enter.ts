/**
 * How a process gets into a lab's namespace. It has a mount namespace of its own in which only the
 * resolver's configuration differs; /sys, the cgroup tree and bpffs stay those of the machine, which
 * `ip netns exec` would cover. Every step is an exec, so the pid that was spawned is the program's.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DNS_ADDRESS } from './addresses.ts';
import { NETNS_FOLDER } from './namespaces.ts';

/**
 * nsswitch.conf is bound too: nss-resolve and the like ask daemons over UNIX sockets, and those
 * answer from the real network. nscd has its socket covered for the same reason.
 */
const WRAPPER = `
folder=$1; shift
mount --bind "$folder/resolv.conf" /etc/resolv.conf
if [ -e /etc/nsswitch.conf ]; then mount --bind "$folder/nsswitch.conf" /etc/nsswitch.conf; fi
if [ -d /run/nscd ]; then mount -t tmpfs tmpfs /run/nscd; fi
exec "$@"
`;

/** Writes what the wrapper binds. */
export function writeResolverFiles(folder: string): void {
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${DNS_ADDRESS}\noptions timeout:2\n`);
  writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\npasswd: files\ngroup: files\n');
}

/**
 * The command line that runs `command` in the namespace `name`. Mounts that the machine makes later
 * still appear inside (propagation slave), none made inside appears outside.
 */
export function enter(
  name: string,
  folder: string,
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  const netns = `--net=${join(NETNS_FOLDER, name)}`;
  const unshare = ['unshare', '--mount', '--propagation', 'slave'];
  const shell = ['sh', '-ec', WRAPPER, 'twlab-enter', folder, command, ...args];
  return { command: 'nsenter', args: [netns, ...unshare, ...shell] };
}
