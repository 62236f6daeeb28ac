/** Events of rows as they begin: what the kernel, the policy and the target say of them, and no counts yet. */
import { escapeText } from '#api/escape.ts';
import { type EgressEvent, type Reason, reasons } from '#api/event.ts';
import { hooks } from '#bpf/layout.ts';
import type { ProcessRecord, RowKey } from '#bpf/records.ts';
import { formatAddress } from '#policy/cidr.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { actionOf, formatIp, portOf, protocolNames, ruleOfReason } from './fields.ts';
import { Processes, unknownProcess } from './process.ts';
import type { RowParts } from './rows.ts';

/** Its number means nothing without the policy, which an agent before this one had. */
const FORMER_RULE = 'a policy before a restart';

/** A lookup as it was asked, or as it is recalled. */
export interface Looked {
  readonly name: string;
  readonly action: EgressEvent['action'];
  readonly reason: Reason;
  readonly policy: CompiledPolicy | undefined;
  /** Index into the policy's rules. */
  readonly rule: number;
  /** In the answer; IPv4, host order. */
  readonly address: number | null;
  readonly asker: { readonly pid: number; readonly start: bigint } | undefined;
  /** Wall time, ms. */
  readonly time: number;
}

export class Drafts {
  readonly #parts: Pick<RowParts, 'target' | 'labels'>;
  readonly #processes: Processes;

  constructor(parts: Pick<RowParts, 'target' | 'labels' | 'outside'>) {
    this.#parts = parts;
    this.#processes = new Processes((pid) => parts.outside(pid));
  }

  ofKernel(key: RowKey, process: ProcessRecord | undefined, time: number): EgressEvent {
    const { target } = this.#parts;
    const reason = reasons[key.reason] ?? 'none';
    const name = key.name ? target.names.nameOf(key.name) : null;
    const anywhere = key.hook === hooks.indexOf('any');
    return {
      ...this.base(process, time),
      pid: process?.pid ?? (key.pid || null),
      action: actionOf(reason, key.passed),
      domain: name === null ? null : escapeText(name),
      ip: anywhere ? null : formatIp(key.addr),
      port: anywhere ? null : portOf(key, reason),
      protocol: protocolNames.get(key.proto) ?? 'other',
      reason,
      ...this.rule(target.policyOf(key.table), key.rule, reason),
    };
  }

  ofLookup(looked: Looked, process: ProcessRecord | undefined): EgressEvent {
    const { name, action, reason, policy, rule, address, asker, time } = looked;
    return {
      ...this.base(process, time),
      pid: process?.pid ?? asker?.pid ?? null,
      action,
      domain: escapeText(name),
      ip: address === null ? null : formatAddress(address),
      ...{ port: null, protocol: null, reason },
      ...this.rule(policy, rule, reason),
    };
  }

  base(process: ProcessRecord | undefined, time: number) {
    const at = new Date(time).toISOString();
    const who = process ? this.#processes.fieldsOf(process) : unknownProcess;
    return {
      version: 1 as const,
      id: null,
      time: at,
      last_seen: at,
      job_url: null,
      ...this.#parts.labels,
      container: null,
      ...who,
      count: 0,
      added: null,
    };
  }

  rule(
    policy: CompiledPolicy | undefined,
    index: number,
    reason: Reason,
  ): Pick<EgressEvent, 'rule' | 'policy'> {
    if (index > 0 && policy === undefined) return { rule: FORMER_RULE, policy: null };
    const rule = policy?.rules[index];
    if (index > 0 && rule) return { rule: rule.name, policy: rule.policy || null };
    return { rule: ruleOfReason(reason), policy: null };
  }
}
