/**
 * Namespaces that play pods on the lab's machine: each is joined to `host` by a veth pair, as a CNI plugin
 * of the common kind does it, and `host` forwards for them. They too have no way out of the lab.
 */
import { link } from './addresses.ts';
import { execute } from './execute.ts';
import { MARK } from './mark.ts';
import { NETNS_FOLDER, namespaceName, type PodSide } from './namespaces.ts';

export interface Pod {
  readonly side: PodSide;
  /** As `setns` takes it. */
  readonly netns: string;
  readonly address: string;
  /** The other end of the pair: the machine's, or the outer namespace's. */
  readonly hostLink: string;
  /** And its hardware address. */
  readonly hostMac: string;
}

/** The `number`th pod, from 1: 10.88.<number>.2 behind 10.88.<number>.1. */
export function createPod(id: string, number: number): Pod {
  const made = createInner(id, {
    side: `pod${number}`,
    outer: namespaceName(id, 'host'),
    subnet: `10.88.${number}`,
    hostMac: `02:00:0a:58:${number.toString(16).padStart(2, '0')}:01`,
  });
  const net = namespaceName(id, 'net');
  execute('ip', ['-n', net, 'route', 'replace', '10.88.0.0/16', 'via', link.host.v4]);
  return made;
}

/** A container inside a pod, as an engine there makes it: 172.18.<number>.2, hidden behind the pod's address. */
export function createNested(id: string, pod: Pod, number: number): Pod {
  const outer = namespaceName(id, pod.side);
  const made = createInner(id, {
    side: `nest${number}`,
    outer,
    subnet: `172.18.${number}`,
    hostMac: `02:00:ac:12:${number.toString(16).padStart(2, '0')}:01`,
  });
  const rules = `table ip twlab-nat {
    chain out {
      type nat hook postrouting priority srcnat;
      oifname "eth0" masquerade
    }
  }`;
  execute('nsenter', [`--net=${NETNS_FOLDER}/${outer}`, 'nft', '-f', '-'], rules);
  return made;
}

interface Inner {
  readonly side: PodSide;
  readonly outer: string;
  readonly subnet: string;
  readonly hostMac: string;
}

/** A namespace behind a veth pair, for which the outer one forwards. */
function createInner(id: string, { side, outer, subnet, hostMac }: Inner): Pod {
  const name = namespaceName(id, side);
  const hostLink = `veth${side}`;
  execute('ip', ['netns', 'add', name]);
  execute('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  // Only its name counts: probes know by it where they are.
  execute('ip', ['-n', name, 'link', 'add', MARK, 'type', 'bridge']);
  const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', name];
  execute('ip', ['-n', outer, 'link', 'add', hostLink, 'address', hostMac, ...pair]);
  execute('ip', ['-n', outer, 'addr', 'add', `${subnet}.1/24`, 'dev', hostLink]);
  execute('ip', ['-n', name, 'addr', 'add', `${subnet}.2/24`, 'dev', 'eth0']);
  execute('ip', ['-n', outer, 'link', 'set', hostLink, 'up']);
  execute('ip', ['-n', name, 'link', 'set', 'eth0', 'up']);
  execute('ip', ['-n', name, 'route', 'add', 'default', 'via', `${subnet}.1`]);
  const forward = ['sh', '-ec', 'echo 1 > /proc/sys/net/ipv4/conf/all/forwarding'];
  execute('nsenter', [`--net=${NETNS_FOLDER}/${outer}`, ...forward]);
  const netns = `${NETNS_FOLDER}/${name}`;
  return { side, netns, address: `${subnet}.2`, hostLink, hostMac };
}
