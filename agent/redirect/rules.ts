/**
 * Our nftables table in a target's own network namespace. It is one of its own, so nobody else's rules are
 * touched; writing it again replaces it in one transaction.
 */

export const TABLE = 'torwacht';
/** Where the resolver listens in a namespace of the target's own. */
export const RESOLVER_PORT = 15353;

/**
 * `uplinks`: links that lead out of the namespace; what comes in by one of them is no query of the
 * target's. `nested`: the address that queries of nested containers are led to, if there is one. A step
 * ahead of dstnat (-100), where container engines have their own ideas about port 53.
 */
export function redirectRules(
  uplinks: readonly string[],
  nested: string | null,
  port = RESOLVER_PORT,
): string {
  const outside = ['lo', ...uplinks].map((name) => JSON.stringify(name)).join(', ');
  const queries = 'meta l4proto { tcp, udp } th dport 53';
  const prerouting =
    nested === null
      ? ''
      : `chain prerouting {
    type nat hook prerouting priority -101; policy accept;
    iifname { ${outside} } return
    ${queries} dnat ip to ${nested}:${port}
  }`;
  return `
table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
  chain output {
    type nat hook output priority -101; policy accept;
    ${queries} redirect to :${port}
  }
  ${prerouting}
  chain input {
    type filter hook input priority -1; policy accept;
    meta l4proto { tcp, udp } th dport ${port} iifname != "lo" ct status & dnat != dnat drop
  }
}
`;
}
