/**
 * What no policy can allow, as data. These are the ways around name-based rules: another resolver (plain,
 * over TLS or hidden in HTTPS) and the metadata services that hand out a node's credentials.
 *
 * An address stands here only if it is dedicated to a public resolver: an address that a CDN shares among
 * customers would take down innocent names with it.
 */

import type { Reason } from '#api/event.ts';
import { constantAddress, constantPrefix, type Prefix } from './cidr.ts';

/** Destination ports of DNS (RFC 1035) and of DNS over TLS and QUIC (RFC 7858, RFC 9250). */
export const deniedPorts: ReadonlyMap<number, Reason> = new Map([
  [53, 'dns-server'],
  [853, 'dot'],
]);

/** Whole prefixes that are refused before any rule is read, in the kernel's order. */
export const deniedPrefixes: readonly (Prefix & { readonly reason: Reason })[] = (
  [
    ['0.0.0.0/8', 'multicast'],
    ['224.0.0.0/3', 'multicast'],
    ['169.254.0.0/16', 'metadata'],
    ['100.100.100.200/32', 'metadata'],
    ['168.63.129.16/32', 'metadata'],
    ['192.0.2.252/31', 'probe'],
  ] as const
).map(([text, reason]) => ({ ...constantPrefix(text), reason }));

export interface DeniedProvider {
  readonly provider: string;
  /** Where the names and addresses are published. */
  readonly source: string;
  /** Names as in rules: `*.` one label more, `**.` one or more. */
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

/** Public resolvers that answer DNS over HTTPS. */
export const dohProviders: readonly DeniedProvider[] = [
  {
    provider: 'Google Public DNS',
    source: 'https://developers.google.com/speed/public-dns/docs/using',
    names: ['dns.google', '**.dns.google', 'dns.google.com', '8888.google', 'dns64.dns.google'],
    addresses: ['8.8.8.8', '8.8.4.4'],
  },
  {
    provider: 'Cloudflare 1.1.1.1',
    source: 'https://developers.cloudflare.com/1.1.1.1/ip-addresses/',
    names: [
      'cloudflare-dns.com',
      '**.cloudflare-dns.com',
      'dns.cloudflare.com',
      'one.one.one.one',
      '1dot1dot1dot1.com',
      '**.cloudflare-gateway.com',
    ],
    addresses: ['1.1.1.1', '1.0.0.1', '1.1.1.2', '1.0.0.2', '1.1.1.3', '1.0.0.3'],
  },
  {
    provider: 'Quad9',
    source: 'https://docs.quad9.net/services/',
    names: [
      'dns.quad9.net',
      'dns9.quad9.net',
      'dns10.quad9.net',
      'dns11.quad9.net',
      'dns12.quad9.net',
    ],
    addresses: [
      '9.9.9.9',
      '149.112.112.112',
      '9.9.9.10',
      '149.112.112.10',
      '9.9.9.11',
      '149.112.112.11',
      '9.9.9.12',
      '149.112.112.12',
    ],
  },
  {
    provider: 'Cisco OpenDNS',
    source: 'https://support.opendns.com/hc/en-us/articles/360038086532',
    names: [
      'doh.opendns.com',
      'dns.opendns.com',
      'doh.familyshield.opendns.com',
      'doh.sandbox.opendns.com',
      'dns.umbrella.com',
    ],
    addresses: [
      '208.67.222.222',
      '208.67.220.220',
      '208.67.222.123',
      '208.67.220.123',
      '208.67.222.2',
      '208.67.220.2',
    ],
  },
  {
    provider: 'AdGuard DNS',
    source: 'https://adguard-dns.io/kb/general/dns-providers/',
    names: [
      '**.adguard-dns.com',
      'dns.adguard.com',
      'dns-family.adguard.com',
      'dns-unfiltered.adguard.com',
    ],
    addresses: [
      '94.140.14.14',
      '94.140.15.15',
      '94.140.14.15',
      '94.140.15.16',
      '94.140.14.140',
      '94.140.14.141',
    ],
  },
  {
    provider: 'CleanBrowsing',
    source: 'https://cleanbrowsing.org/filters/',
    names: ['doh.cleanbrowsing.org'],
    addresses: [
      '185.228.168.9',
      '185.228.169.9',
      '185.228.168.10',
      '185.228.169.11',
      '185.228.168.168',
      '185.228.169.168',
    ],
  },
  {
    provider: 'Control D',
    source: 'https://controld.com/free-dns',
    names: [
      'dns.controld.com',
      '**.dns.controld.com',
      'freedns.controld.com',
      '**.freedns.controld.com',
    ],
    addresses: ['76.76.2.0', '76.76.10.0', '76.76.2.1', '76.76.2.2', '76.76.2.3'],
  },
  {
    provider: 'NextDNS',
    source: 'https://help.nextdns.io/',
    names: ['dns.nextdns.io', '**.dns.nextdns.io', 'doh.nextdns.io', 'anycast.dns.nextdns.io'],
    addresses: ['45.90.28.0', '45.90.30.0'],
  },
  {
    provider: 'Mullvad',
    source: 'https://mullvad.net/en/help/dns-over-https-and-dns-over-tls',
    names: ['dns.mullvad.net', '**.dns.mullvad.net', 'doh.mullvad.net'],
    addresses: [
      '194.242.2.2',
      '194.242.2.3',
      '194.242.2.4',
      '194.242.2.5',
      '194.242.2.6',
      '194.242.2.9',
    ],
  },
  {
    provider: 'AliDNS',
    source: 'https://www.alidns.com/',
    names: ['dns.alidns.com', '**.alidns.com'],
    addresses: ['223.5.5.5', '223.6.6.6'],
  },
  {
    provider: 'DNSPod Public DNS+',
    source: 'https://www.dnspod.cn/products/publicdns',
    names: ['dns.pub', 'doh.pub', '**.doh.pub', 'dot.pub'],
    addresses: ['119.29.29.29'],
  },
  {
    provider: 'DNS.SB',
    source: 'https://dns.sb/doh/',
    names: ['doh.dns.sb', '**.dns.sb', 'doh.sb', 'dot.sb'],
    addresses: ['185.222.222.222', '45.11.45.11'],
  },
  {
    provider: 'Yandex DNS',
    source: 'https://dns.yandex.com/',
    names: ['common.dot.dns.yandex.net', '**.dns.yandex.net'],
    addresses: ['77.88.8.8', '77.88.8.1', '77.88.8.88', '77.88.8.2', '77.88.8.3', '77.88.8.7'],
  },
  {
    provider: 'Smaller public resolvers, by name only',
    source: 'https://adguard-dns.io/kb/general/dns-providers/',
    names: [
      'doh.libredns.gr',
      'doh.applied-privacy.net',
      'dns.digitale-gesellschaft.ch',
      'doh.ffmuc.net',
      'dns.switch.ch',
      'dns.twnic.tw',
      'ordns.he.net',
      'dnsforge.de',
      'doh.dnslify.com',
      'dns.decloudus.com',
      'dns.njal.la',
      'doh.360.cn',
      'public.dns.iij.jp',
      '**.blahdns.com',
      '**.joindns4.eu',
    ],
    addresses: [],
  },
];

/** Names of the metadata services; their addresses are in `deniedPrefixes`. */
export const metadataNames: readonly DeniedProvider[] = [
  {
    provider: 'Google Cloud',
    source: 'https://cloud.google.com/compute/docs/metadata/overview',
    names: ['metadata.google.internal', '**.metadata.google.internal', 'metadata.goog', 'metadata'],
    addresses: [],
  },
  {
    provider: 'Amazon EC2',
    source: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html',
    names: ['instance-data', 'instance-data.ec2.internal'],
    addresses: [],
  },
  {
    provider: 'Azure',
    source: 'https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service',
    names: ['metadata.azure.internal'],
    addresses: [],
  },
  {
    provider: 'Tencent Cloud',
    source: 'https://www.tencentcloud.com/document/product/213/4934',
    names: ['metadata.tencentyun.com'],
    addresses: [],
  },
  {
    provider: 'IBM Cloud VPC',
    source: 'https://cloud.ibm.com/docs/vpc?topic=vpc-imd-about',
    names: ['api.metadata.cloud.ibm.com'],
    addresses: [],
  },
];

/** Every listed address as an unsigned 32-bit number, sorted: what the kernel's set is filled with. */
export const dohAddresses: readonly number[] = [
  ...new Set(dohProviders.flatMap((entry) => entry.addresses.map(constantAddress))),
].sort((a, b) => a - b);

/** Reasons that hold in every mode: Observe lets nothing of this pass. */
export const alwaysDeniedReasons: ReadonlySet<Reason> = new Set<Reason>([
  'malformed',
  'ipv6',
  'ip-options',
  'fragment',
  'multicast',
  'metadata',
  'icmp',
  'protocol',
  'dns-server',
  'dot',
  'doh',
  'no-target',
  'probe',
  'dns-budget',
]);
