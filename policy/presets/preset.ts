/** What a preset is: a named, sourced list of rules, as data. */
import type { AllowRule } from '#api/rule.ts';

export interface PresetRule {
  readonly fqdn: readonly string[];
  /** TCP 443 when omitted, as in a policy. */
  readonly ports?: AllowRule['ports'];
}

export interface Preset {
  readonly name: string;
  readonly description: string;
  readonly rules: readonly PresetRule[];
  /** Where the list of hosts comes from. */
  readonly source: string;
  /** What it opens beyond its purpose, or does not cover; empty when there is nothing to say. */
  readonly caveat: string;
  /**
   * Set where the hosts are the user's own, so that no list can name them: what to write instead. Such a
   * preset has no rules and cannot stand in a policy.
   */
  readonly instead?: string;
}

/** apt and apk mirrors are still often configured with http. */
export const webPorts: AllowRule['ports'] = [
  { port: 80, protocol: 'TCP' },
  { port: 443, protocol: 'TCP' },
];
