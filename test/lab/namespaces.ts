/**
 * Two network namespaces and the one link between them: `host` plays the machine, `net` the internet.
 * Nothing is made in the namespace of the caller, so nothing there has to be put back.
 */
import { existsSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { type LinkEnd, labAddress, link } from './addresses.ts';
import { attempt, execute, pause } from './execute.ts';
import { MARK } from './mark.ts';

export type PodSide = `pod${number}` | `nest${number}`;
export type Side = 'host' | 'net' | PodSide;

export const NETNS_FOLDER = '/run/netns';

export function namespaceName(id: string, side: Side): string {
  return `${id}-${side}`;
}

/** @throws TW_LAB_COMMAND; what was made until then is removed by `deleteNamespace` */
export function createNamespaces(id: string): void {
  const host = namespaceName(id, 'host');
  const net = namespaceName(id, 'net');
  for (const name of [host, net]) {
    execute('ip', ['netns', 'add', name]);
    sysctl(name);
    execute('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  }
  const veth = ['link', 'add', MARK, 'type', 'veth', 'peer', 'name', MARK, 'netns', net];
  execute('ip', ['-n', host, ...veth]);
  join(host, { ...link.host, peer: link.net });
  join(net, { ...link.net, peer: link.host });
  execute('ip', ['-n', host, 'route', 'add', 'default', 'via', link.net.v4]);
  if (hasIPv6()) execute('ip', ['-n', host, '-6', 'route', 'add', 'default', 'via', link.net.v6]);
}

/**
 * One end of the link. Both ends know each other's hardware address beforehand, and there is no
 * link-local address: no packet waits for a neighbour's answer, and none but the tests' own is sent.
 */
function join(name: string, end: LinkEnd & { readonly peer: LinkEnd }): void {
  const device = ['dev', MARK];
  execute('ip', ['-n', name, 'link', 'set', ...device, 'address', end.mac, 'addrgenmode', 'none']);
  address(name, `${end.v4}/30`, MARK);
  if (hasIPv6()) address(name, `${end.v6}/64`, MARK);
  execute('ip', ['-n', name, 'link', 'set', ...device, 'up']);
  const hardware = ['lladdr', end.peer.mac, ...device, 'nud', 'permanent'];
  execute('ip', ['-n', name, 'neigh', 'replace', end.peer.v4, ...hardware]);
  if (hasIPv6()) execute('ip', ['-n', name, 'neigh', 'replace', end.peer.v6, ...hardware]);
}

/** Gives `net` one more address. Returns it in canonical form; doing it twice is fine. */
export function addAddress(id: string, wanted: string): string {
  const canonical = labAddress(wanted);
  const length = isIPv4(canonical) ? 32 : 128;
  address(namespaceName(id, 'net'), `${canonical}/${length}`, 'lo');
  return canonical;
}

/** Takes back what `addAddress` gave; an address that is not there is fine. */
export function removeAddress(id: string, canonical: string): void {
  const length = isIPv4(canonical) ? 32 : 128;
  const address = ['addr', 'del', `${canonical}/${length}`, 'dev', 'lo'];
  attempt('ip', ['-n', namespaceName(id, 'net'), ...address]);
}

/** Names in /run/netns, also of namespaces that are no lab's. */
export function listNamespaces(): string[] {
  return execute('ip', ['netns', 'list'])
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name !== '');
}

/** Processes whose network namespace is this one, in whatever pid namespace they are. */
export function processesIn(name: string): number[] {
  return attempt('ip', ['netns', 'pids', name])
    .stdout.split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/**
 * Ends everything in the namespace and deletes it. A fork may slip in between listing and killing,
 * so it looks again until nothing is left, for at most `patience` ms.
 */
export function deleteNamespace(name: string, patience = 3000): void {
  if (!existsSync(`${NETNS_FOLDER}/${name}`)) return;
  for (let waited = 0; waited < patience; waited += 10) {
    const pids = processesIn(name);
    if (pids.length === 0) break;
    for (const pid of pids) kill(pid);
    pause(10);
  }
  // Without this the link would live until the kernel gets round to the namespace.
  attempt('ip', ['-n', name, 'link', 'del', MARK]);
  attempt('ip', ['netns', 'del', name]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}

function address(name: string, cidr: string, device: string): void {
  const family = cidr.includes(':') ? ['-6'] : [];
  // Duplicate address detection would leave the address unusable for a second.
  const flags = cidr.includes(':') ? ['nodad'] : [];
  execute('ip', ['-n', name, ...family, 'addr', 'replace', cidr, 'dev', device, ...flags]);
}

/** A new namespace inherits IPv4 settings from the machine, and Docker's machines forward. */
function sysctl(name: string): void {
  const settings = ['ipv4/conf/all/forwarding', 'ipv4/conf/all/rp_filter'];
  if (hasIPv6()) settings.push('ipv6/conf/all/forwarding', 'ipv6/conf/default/accept_ra');
  const script = 'for setting; do echo 0 > "/proc/sys/net/$setting"; done';
  execute('nsenter', [`--net=${NETNS_FOLDER}/${name}`, 'sh', '-ec', script, 'sh', ...settings]);
}

function hasIPv6(): boolean {
  return existsSync('/proc/sys/net/ipv6');
}
