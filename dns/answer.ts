/**
 * The verdict on an upstream server's answer: which addresses the asked name has by it, and whether
 * one of the names or addresses on the way is refused. Pure.
 */
import type { NameVerdict } from '#policy/types.ts';
import { u32 } from './codec/bytes.ts';
import { CLASS_IN, flags, rcodes, types } from './codec/constants.ts';
import { decodeMessage, type Message, type ResourceRecord } from './codec/message.ts';
import { alwaysDenied, type Judge } from './decide.ts';
import { matchHeader } from './match.ts';
import { answerRange } from './ranges.ts';
import { clampTtl, negativeTtl, TTL_CAP } from './ttl.ts';

/** CNAMEs followed; real chains have up to five. */
export const MAX_CHAIN = 8;

/** Addresses kept of one answer, to bound what one name puts into the kernel's map. */
export const MAX_ADDRESSES = 32;

export interface AnswerContext {
  /** The asked name's rule lets its answers point inside. */
  readonly private: boolean;
  /** Judges the names of the chain; merely unlisted ones (reason `default`) are fine there. */
  readonly judge: Judge;
}

/** Why an answer is refused. */
export interface AnswerRefusal {
  readonly reason: 'cname' | 'private-answer';
  /** Of the deny that hit, null for an address: there the rule is the asked name's own. */
  readonly rule: number | null;
  readonly cname: string | null;
  /** IPv4, host order. */
  readonly address: number | null;
  /** Refused in Observe too. */
  readonly always: boolean;
}

/** What an answer says, before any verdict. */
export interface AnswerFacts {
  readonly rcode: typeof rcodes.NOERROR | typeof rcodes.NXDOMAIN;
  /** From the question's CNAME target to the name that has the addresses; escaped where not plain. */
  readonly chain: readonly string[];
  /** Whether a name of the chain has bytes that no policy can name. */
  readonly oddName: string | null;
  /** IPv4, host order; empty when the name has none. */
  readonly addresses: readonly number[];
  /** Seconds, floor and cap applied. */
  readonly ttl: number;
}

/**
 * `ignore`: not the answer to this question. `truncated`: ask by TCP. `next`: this server cannot help.
 * With `answer`, a `refusal` that is not null refuses it all.
 */
export type AnswerDecision =
  | { readonly kind: 'ignore' | 'truncated' | 'next' }
  | {
      readonly kind: 'answer';
      readonly facts: AnswerFacts;
      readonly refusal: AnswerRefusal | null;
    };

/** @param query the message that was sent upstream; id and question must come back byte for byte. */
export function decideAnswer(
  query: Uint8Array,
  bytes: Uint8Array,
  context: AnswerContext,
): AnswerDecision {
  const match = matchHeader(query, bytes);
  if (match !== 'final') return { kind: match };
  const message = decodeMessage(bytes);
  if (typeof message === 'string') return { kind: 'next' };
  const facts = factsOf(bytes, message);
  if (facts === null) return { kind: 'next' };
  return { kind: 'answer', facts, refusal: refuseAnswer(facts, context) };
}

/** Follows only the chain that starts at the question; every other record is someone else's. */
function factsOf(bytes: Uint8Array, message: Message): AnswerFacts | null {
  const links = chainOf(message);
  if (links === null) return null;
  const owner = links.at(-1)?.target ?? message.name;
  const found = message.answers.filter(
    (record) => record.type === types.A && record.class === CLASS_IN && record.name === owner,
  );
  const chain = links.map((link) => link.target as string);
  const oddName = links.find((link) => !link.plain)?.target ?? null;
  if ((message.flags & flags.RCODE) === rcodes.NXDOMAIN || found.length === 0) {
    const soa = message.authority.find((record) => record.type === types.SOA);
    const ttl = negativeTtl(soa === undefined ? null : soaTimes(bytes, soa));
    const rcode = (message.flags & flags.RCODE) === 0 ? rcodes.NOERROR : rcodes.NXDOMAIN;
    return { rcode, chain, oddName, addresses: [], ttl };
  }
  const addresses = [...new Set(found.map((record) => record.address))].slice(0, MAX_ADDRESSES);
  const ttl = clampTtl(
    [...links, ...found].reduce((least, { ttl }) => Math.min(least, ttl), TTL_CAP),
  );
  return { rcode: rcodes.NOERROR, chain, oddName, addresses, ttl };
}

/** The CNAME records from the question on; null for a loop or a chain that no resolver would follow. */
function chainOf(message: Message): ResourceRecord[] | null {
  // By name, for comparing every record with every name of the chain is what a hostile answer is made for.
  const aliases = new Map<string, ResourceRecord>();
  for (const record of message.answers) {
    if (record.target !== null && !aliases.has(record.name)) aliases.set(record.name, record);
  }
  const links: ResourceRecord[] = [];
  let owner = message.name;
  for (;;) {
    const link = aliases.get(owner);
    if (link === undefined) return links;
    if (links.length === MAX_CHAIN) return null;
    links.push(link);
    owner = link.target as string;
  }
}

/** The minimum is the last of the five numbers that end the record (RFC 1035 §3.3.13). */
function soaTimes(bytes: Uint8Array, soa: ResourceRecord): { ttl: number; minimum: number } | null {
  return soa.end - soa.start < 22 ? null : { ttl: soa.ttl, minimum: u32(bytes, soa.end - 4) };
}

/**
 * The verdict on known facts; again asked for cached answers when the policy changed. All addresses are
 * looked at, so that a good one cannot carry a bad one along. What is refused always is named first:
 * Observe lets the other kind pass.
 */
export function refuseAnswer(facts: AnswerFacts, context: AnswerContext): AnswerRefusal | null {
  // What no policy can name, none can deny: such a chain could step around a `deny`.
  if (facts.oddName !== null) return refusedName(facts.oddName, null);
  let found: AnswerRefusal | null = null;
  for (const name of facts.chain) {
    const verdict = context.judge(name);
    if (verdict.allowed || verdict.reason === 'default') continue;
    const refusal = refusedName(name, verdict);
    if (refusal.always) return refusal;
    found ??= refusal;
  }
  for (const address of facts.addresses) {
    const range = answerRange(address);
    if (range === 'public' || (range === 'inside' && context.private)) continue;
    const always = range === 'always';
    const refusal: AnswerRefusal = {
      reason: 'private-answer',
      rule: null,
      cname: null,
      address,
      always,
    };
    if (always) return refusal;
    found ??= refusal;
  }
  return found;
}

function refusedName(cname: string, verdict: NameVerdict | null): AnswerRefusal {
  const always = verdict === null || alwaysDenied(verdict);
  return { reason: 'cname', rule: verdict?.rule ?? 0, cname, address: null, always };
}
