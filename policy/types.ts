/**
 * What a policy is once it is compiled: the shapes that the DNS verdict, the kernel's maps and the
 * reference verdict share. Everything here is plain data.
 */

/** How a target is enforced: Block refuses, Observe records the same verdict and lets pass. */
export type Mode = 'Block' | 'Observe';

/** Who a target is. Rules select by these; an absent field matches no selector that names it. */
export interface Identity {
  readonly namespace: string;
  /** Labels of the namespace; undefined where nobody knows them. */
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  /** GitLab's numeric project id, as a string. */
  readonly project?: string;
  /** The job's name in .gitlab-ci.yml. */
  readonly job?: string;
  /** Labels of the pod, where the target is one; a binding may select by them. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** IANA protocol numbers that a rule can name; 0 in a permission stands for both. */
export const protocols = { TCP: 6, UDP: 17 } as const;
export type ProtocolName = keyof typeof protocols;

/**
 * One line of a verdict table. A list of these is read in order and the first that matches decides;
 * deny lines stand before allow lines, so that any deny wins.
 */
export interface Permission {
  readonly action: 'allow' | 'deny';
  /** 6 TCP, 17 UDP, 0 any. */
  readonly protocol: number;
  /** First and last port, host order, inclusive. */
  readonly from: number;
  readonly to: number;
  /** Index into `CompiledPolicy.rules`. */
  readonly rule: number;
}

/** The most permissions that one name or one prefix can have; the kernel's loop is bounded by it. */
export const MAX_PERMISSIONS = 16;

/** A rule as people wrote it; index 0 of `CompiledPolicy.rules` is always the default deny. */
export interface CompiledRule {
  /** As shown in rows: `default` or `EgressPolicy ci/web allow[0]`, with its preset if it came from one. */
  readonly name: string;
  /** `namespace/name` of the policy document, empty for the default. */
  readonly policy: string;
}

/** `example.com` (exact), `*.example.com` (one label more), `**.example.com` (one or more labels more). */
export interface NamePattern {
  /** Lower-case ASCII labels, without the wildcard, most specific first: ['example', 'com']. */
  readonly labels: readonly string[];
  readonly wildcard: 'none' | 'one' | 'many';
}

export interface NameRule {
  readonly pattern: NamePattern;
  /** May the name's answers point to private, loopback or cluster addresses? */
  readonly private: boolean;
  /** Lines that this rule gives to a name that it matches; all with the same action and rule. */
  readonly permissions: readonly Permission[];
}

/** One IPv4 prefix with every line that holds for it, those of covering prefixes included. */
export interface CidrEntry {
  /** Network address, host order, unsigned 32 bits. */
  readonly address: number;
  /** Prefix length, 0 to 32. */
  readonly length: number;
  readonly permissions: readonly Permission[];
}

export interface CompiledPolicy {
  readonly mode: Mode;
  /** Hex SHA-256 of what was compiled; equal digests enforce the same. */
  readonly digest: string;
  readonly rules: readonly CompiledRule[];
  readonly names: readonly NameRule[];
  /** Longest prefix match over these is complete: no second look-up is needed. */
  readonly cidrs: readonly CidrEntry[];
  /** DNS upstreams (`address` or `address:port`) that the policy's binding names; empty: the agent's own. */
  readonly upstreams: readonly string[];
}

/** What the DNS verdict says about one name. */
export interface NameVerdict {
  readonly allowed: boolean;
  /** Index into `CompiledPolicy.rules`: the rule that allowed or denied; 0 when nothing matched. */
  readonly rule: number;
  readonly reason: 'allowed' | 'default' | 'deny-rule' | 'doh' | 'metadata';
  readonly private: boolean;
  /** The name's lines for the kernel; empty when it is not allowed. At most MAX_PERMISSIONS. */
  readonly permissions: readonly Permission[];
}
