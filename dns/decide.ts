/**
 * The DNS verdict on one message from a client: what is answered at once, what is looked up, what is
 * dropped. Pure; the table in README.md is this file in words.
 */
import type { Reason } from '#api/event.ts';
import { alwaysDeniedReasons } from '#policy/always-denied.ts';
import type { Mode, NameVerdict } from '#policy/types.ts';
import { CLASS_IN, rcodes, types } from './codec/constants.ts';
import { encodeFault, encodeReply, type Reply, udpLimit } from './codec/encode.ts';
import { decodeQuery, firstName, type Query } from './codec/query.ts';

/** Asked by the barrier; answered only once enforcement is in force. */
export const ATTACHED_NAME = '_torwacht.attached.local';

export type Judge = (name: string) => NameVerdict;
export type Transport = 'udp' | 'tcp';

export interface QueryContext {
  readonly judge: Judge;
  readonly mode: Mode;
  /** The text that ATTACHED_NAME answers with; null while the target is not enforced. */
  readonly attached: string | null;
  readonly transport: Transport;
}

/** Why a query was refused: the verdict that Block gives, whatever the mode. */
export interface QueryRefusal {
  /** Lower-case, escaped where needed; `.` for the root. */
  readonly name: string;
  readonly type: number;
  readonly reason: Reason;
  readonly rule: number;
}

export type QueryDecision =
  | { readonly kind: 'drop' }
  | {
      readonly kind: 'reply';
      readonly bytes: Uint8Array;
      readonly refusal: QueryRefusal | null;
      readonly passed: boolean;
    }
  | {
      readonly kind: 'lookup';
      readonly query: Query;
      readonly verdict: NameVerdict;
      readonly refusal: QueryRefusal | null;
    };

/** The size that replies to this query may have by this transport. */
export function replyLimit(query: Query, transport: Transport): number {
  return transport === 'tcp' ? 0xffff : udpLimit(query);
}

/**
 * `passed` of a reply says that a refused name was let pass (Observe, no look-up needed for its type);
 * `refusal` of a look-up says that it is made although Block would refuse it.
 */
export function decideQuery(bytes: Uint8Array, context: QueryContext): QueryDecision {
  const query = decodeQuery(bytes);
  if (query === 'drop') return { kind: 'drop' };
  if (typeof query === 'number') {
    const refusal = unreadable(firstName(bytes), 0);
    return { kind: 'reply', bytes: encodeFault(bytes, query), refusal, passed: false };
  }
  if (query.edns !== null && query.edns.version !== 0) {
    return replyTo(query, context, { rcode: rcodes.BADVERS });
  }
  if (query.class !== CLASS_IN) {
    return replyTo(query, context, { rcode: rcodes.REFUSED }, unreadable(query.name, query.type));
  }
  if (query.name === ATTACHED_NAME) return replyTo(query, context, attachedReply(query, context));
  if (!query.plain) {
    // The root is merely not listed; a name with odd bytes in a label can stand in no policy.
    const reason = query.name === '.' ? 'default' : 'query';
    return replyTo(query, context, nxdomain, {
      name: query.name,
      type: query.type,
      reason,
      rule: 0,
    });
  }
  return decideName(query, context.judge(query.name), context);
}

/** A message that no client of ours would send: whoever made it shall be seen. */
function unreadable(name: string, type: number): QueryRefusal {
  return { name, type, reason: 'query', rule: 0 };
}

const nxdomain: Reply = { rcode: rcodes.NXDOMAIN };
const noData: Reply = { rcode: rcodes.NOERROR };

function attachedReply(query: Query, { attached }: QueryContext): Reply {
  if (attached === null) return nxdomain;
  return query.type === types.TXT ? { rcode: rcodes.NOERROR, text: attached, ttl: 0 } : noData;
}

function decideName(query: Query, verdict: NameVerdict, context: QueryContext): QueryDecision {
  const { name, type } = query;
  const { reason, rule } = verdict;
  const refusal: QueryRefusal | null =
    verdict.allowed || reason === 'allowed' ? null : { name, type, reason, rule };
  if (!verdict.allowed && (context.mode === 'Block' || alwaysDenied(verdict))) {
    return replyTo(query, context, nxdomain, refusal);
  }
  // NXDOMAIN for a missing type would tell musl that the name has no address at all.
  if (type !== types.A) return replyTo(query, context, noData, refusal, refusal !== null);
  return { kind: 'lookup', query, verdict, refusal };
}

function replyTo(
  query: Query,
  context: QueryContext,
  reply: Reply,
  refusal: QueryRefusal | null = null,
  passed = false,
): QueryDecision {
  const bytes = encodeReply(query, reply, replyLimit(query, context.transport));
  return { kind: 'reply', bytes, refusal, passed };
}

/** Denied in every mode: no policy could have allowed it. */
export function alwaysDenied(verdict: NameVerdict): boolean {
  return verdict.reason !== 'allowed' && alwaysDeniedReasons.has(verdict.reason);
}
