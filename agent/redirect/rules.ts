/**
 * Our nftables table in a target's own network namespace, as data. It is one of its own, so nobody else's
 * rules are touched. `ruleset-text.ts` writes it as nft reads it, `ruleset-bytes.ts` as the kernel does.
 */

export const TABLE = 'torwacht';
/** Where the resolver listens in a namespace of the target's own. */
export const RESOLVER_PORT = 15353;

/** What of a packet a rule looks at. */
export type Match =
  | { readonly port: number; readonly protocol: 'tcp' | 'udp' }
  | { readonly link: string; readonly is: boolean }
  /** No NAT has changed where it goes to. */
  | { readonly dnat: false };

export type Verdict =
  | 'return'
  | 'drop'
  /** To this port of the namespace's own. */
  | { readonly redirect: number }
  /** To an address, IPv4 in host order. */
  | { readonly address: number; readonly port: number };

export interface Rule {
  readonly matches: readonly Match[];
  readonly verdict: Verdict;
}

export interface Chain {
  /** Its hook is called so too. */
  readonly name: 'output' | 'prerouting' | 'input';
  readonly type: 'nat' | 'filter';
  readonly priority: number;
  readonly rules: readonly Rule[];
}

/**
 * `uplinks`: links that lead out of the namespace; what comes in by one of them is no query of the
 * target's. `nested`: the address that queries of nested containers are led to (IPv4, host order), if
 * there is one. A step ahead of dstnat (-100), where container engines have their own ideas about port 53.
 */
export function redirectRules(
  uplinks: readonly string[],
  nested: number | null,
  port = RESOLVER_PORT,
): readonly Chain[] {
  const nat = { type: 'nat', priority: -101 } as const;
  const both = (to: number, matches: readonly Match[], verdict: Verdict): Rule[] =>
    (['tcp', 'udp'] as const).map((protocol) => ({
      matches: [{ port: to, protocol }, ...matches],
      verdict,
    }));
  const outside = ['lo', ...uplinks].map(
    (link): Rule => ({
      matches: [{ link, is: true }],
      verdict: 'return',
    }),
  );
  const prerouting: Chain[] =
    nested === null
      ? []
      : [
          {
            ...{ name: 'prerouting', ...nat },
            rules: [...outside, ...both(53, [], { address: nested, port })],
          },
        ];
  return [
    { name: 'output', ...nat, rules: both(53, [], { redirect: port }) },
    ...prerouting,
    {
      ...{ name: 'input', type: 'filter', priority: -1 },
      rules: both(port, [{ link: 'lo', is: false }, { dnat: false }], 'drop'),
    },
  ];
}
