/**
 * What becomes of one destination, start to end: the verdict on the name when there is one, and the
 * kernel's verdict on a first packet. No verdict is made here: `judgeName` and `verdict` make both, and
 * this only says what they are asked.
 */
import type { Reason } from '#api/event.ts';
import { dohAddresses } from './always-denied.ts';
import { constantAddress, constantPrefix, contains } from './cidr.ts';
import { type Destination, destinationProtocols } from './destination.ts';
import { judgeName } from './judge-name.ts';
import type { CompiledPolicy, NameVerdict } from './types.ts';
import { type Verdict, type VerdictQuery, type VerdictState, verdict } from './verdict.ts';

export interface Judgement {
  readonly allowed: boolean;
  readonly reason: Reason;
  /** Index into the policy's rules. */
  readonly rule: number;
  /** Null for an address. */
  readonly name: NameVerdict | null;
  /** Null when the name is not resolved: then there is no packet. */
  readonly packet: Verdict | null;
}

/**
 * Stands for any address that a name may have: an ordinary one of TEST-NET-1 (RFC 5737). Prefix rules
 * count for it only where they hold for every address.
 */
const ANY_ADDRESS = constantAddress('192.0.2.1');

const loopback = constantPrefix('127.0.0.0/8');
const doh: ReadonlySet<number> = new Set(dohAddresses);
const NAME = 1;

export function judgeDestination(policy: CompiledPolicy, destination: Destination): Judgement {
  const { host } = destination;
  const name = 'name' in host ? judgeName(policy, host.name) : null;
  if (name !== null && !name.allowed) {
    // `allowed` is a reason of names that are.
    const reason = name.reason === 'allowed' ? 'name' : name.reason;
    return { allowed: false, reason, rule: name.rule, name, packet: null };
  }
  const packet = verdict(queryFor(destination), stateFor(policy, name));
  return { allowed: packet.allow, reason: packet.reason, rule: packet.rule, name, packet };
}

function queryFor({ host, protocol, port }: Destination): VerdictQuery {
  const address = 'address' in host ? host.address : ANY_ADDRESS;
  return {
    hook: 'connect',
    family: 'ipv6' in host ? 6 : 4,
    daddr: address,
    protocol: destinationProtocols[protocol],
    dport: port,
    malformed: false,
    ipOptions: false,
    fragment: false,
    fresh: true,
    // Whether the command itself listens there cannot be known; the rules count for others.
    local: contains(loopback, address) ? 'foreign' : 'none',
    socketName: 0,
    now: 0,
  };
}

function stateFor(policy: CompiledPolicy, name: NameVerdict | null): VerdictState {
  if (name === null) {
    return { resolver: null, names: new Map(), cidrs: policy.cidrs, learned: new Map(), doh };
  }
  return {
    resolver: null,
    names: new Map([[NAME, name.permissions]]),
    cidrs: policy.cidrs.filter(({ length }) => length === 0),
    learned: new Map([[ANY_ADDRESS, [{ name: NAME, expires: 1 }]]]),
    doh,
  };
}
