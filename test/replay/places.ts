/**
 * The internet of the replays: names, addresses and what is served there. Real names and addresses of
 * incidents, inside a lab's network namespace only. A name whose address is not known, or was any that
 * a CDN gave, gets one of TEST-NET-2.
 */
import { hosts, namesOf } from './policies.ts';

export interface Place {
  /** Absent where the incident went to the bare address. */
  readonly name?: string;
  readonly address?: string;
  /** 443 unless told. */
  readonly port?: number;
  /** `https` unless told. */
  readonly kind?: 'https' | 'http' | 'tcp' | 'udp';
  /** Answers by `METHOD /path`; anything else gets `ok`. */
  readonly replies?: Readonly<Record<string, { readonly status?: number; readonly body: string }>>;
}

export const METADATA = '169.254.169.254';
export const GITHUB_API = 'api.github.com';
export const NPM_ADDRESS = '104.16.11.34';
export const KUBERNETES = '10.96.0.1';

/** What second stages begin with: nothing is done outside of a lab. */
export const ONLY_INSIDE = 'grep -q twlab-mark: /proc/self/net/dev || exit 97\n';

/**
 * Stands for the Bun runtime, which worms download to run where nobody looks for it: a script that
 * hands its arguments to Node.js.
 */
const bun = `#!/bin/sh\n${ONLY_INSIDE}exec node "$@"\n`;
export const BUN_RELEASE = '/oven-sh/bun/releases/latest/download/bun-linux-x64';

/** Whatever several incidents or shapes have in common. */
export const shared: readonly Place[] = [
  ...namesOf('gitlab-com').map((name) => ({ name })),
  { name: GITHUB_API },
  {
    name: 'github.com',
    address: '140.82.121.4',
    replies: {
      [`GET ${BUN_RELEASE}`]: { body: bun },
      'GET /actions/runner/releases/download/v2.330.0/actions-runner-linux-x64-2.330.0.tar.gz': {
        body: 'stands for the runner',
      },
      'GET /trufflesecurity/trufflehog/releases/latest': { body: 'stands for trufflehog' },
    },
  },
  // These share the addresses of one CDN, as they do outside.
  { name: 'raw.githubusercontent.com', address: '185.199.108.133' },
  { name: 'api.anthropic.com', address: '160.79.104.10' },
  { address: KUBERNETES },
  { address: METADATA, port: 80, kind: 'http' },
  { address: '169.254.170.2', port: 80, kind: 'http' },
  { address: '168.63.129.16', port: 80, kind: 'http' },
  { name: 'metadata.google.internal', address: METADATA, port: 80, kind: 'http' },
];

/** Hosts of packages: their requests are the job's own, except for what a worm publishes. */
export const packageHosts: ReadonlySet<string> = new Set(Object.values(hosts));
