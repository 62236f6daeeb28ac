/** The network of the node, over what a lab has: addresses, forwarding, and the way back to the pods. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DNS_ADDRESS, link } from '../../lab/addresses.ts';
import { execute } from '../../lab/execute.ts';
import { labName } from '../../lab/names.ts';
import { addAddress, createNamespaces, NETNS_FOLDER, namespaceName } from '../../lab/namespaces.ts';
import { countPackets } from '../../lab/packets.ts';
import { withSharedMounts } from '../../lab/shared-mounts.ts';
import { addresses } from '../names.ts';

/**
 * The node routes for its pods, and what it knows no way for goes to the internet's side: there is no
 * other link. That side knows the way back to the pods, so it sees their own addresses.
 */
export function createNetwork(id: string): void {
  // The lock of the shared mounts tells by the name whether its holder still lives.
  const holder = labName(process.pid, '00000000').id;
  withSharedMounts(holder, () => createNamespaces(id));
  addAddress(id, DNS_ADDRESS);
  countPackets(id);
  const [host, net] = [namespaceName(id, 'host'), namespaceName(id, 'net')];
  execute('ip', ['-n', host, 'addr', 'add', `${addresses.node}/32`, 'dev', 'lo']);
  const settings = ['ipv4/ip_forward', '1'];
  execute('ip', ['-n', net, 'route', 'add', addresses.pods, 'via', link.host.v4]);
  if (existsSync('/proc/sys/net/ipv6')) {
    settings.push('ipv6/conf/all/forwarding', '1');
    // The node's end of a pod's link answers at once.
    settings.push('ipv6/conf/all/accept_dad', '0', 'ipv6/conf/default/accept_dad', '0');
    execute('ip', ['-n', net, '-6', 'route', 'add', addresses.pods6, 'via', link.host.v6]);
  }
  const script = 'while [ $# -gt 0 ]; do echo "$2" > "/proc/sys/net/$1"; shift 2; done';
  execute('nsenter', [`--net=${join(NETNS_FOLDER, host)}`, 'sh', '-ec', script, 'sh', ...settings]);
}
