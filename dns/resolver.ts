/**
 * One target's resolver: takes a client's message, gives the reply. No sockets here; the upstream
 * servers, the kernel's map, the evidence and the clock are passed in.
 *
 * An allowed answer is released only after `sink.learn` returned, so that whoever gets an address can
 * already reach it. Nothing else of an upstream server's message reaches the client but the names of
 * the CNAME chain and the addresses.
 */
import type { Mode, NameVerdict } from '#policy/types.ts';
import { decideAnswer, refuseAnswer } from './answer.ts';
import { AnswerCache, type CacheEntry } from './cache.ts';
import { rcodes } from './codec/constants.ts';
import { encodeQuery, encodeReply } from './codec/encode.ts';
import type { Query } from './codec/query.ts';
import {
  decideQuery,
  type Judge,
  type QueryDecision,
  type QueryRefusal,
  replyLimit,
} from './decide.ts';
import { defaultLimits, type ResolverLimits } from './limits.ts';
import type { Client, Evidence, Sink, Upstream } from './ports.ts';
import { KERNEL_GRACE } from './ttl.ts';

export interface ResolverParts {
  /** The current policy's verdict on names; asked again for every query. */
  judge(): Judge;
  mode(): Mode;
  /** The text of the barrier's answer; null while the target is not enforced. */
  attached(): string | null;
  readonly upstream: Upstream;
  readonly sink: Sink;
  readonly evidence: Evidence;
  /** Told what was thrown when a query had to be answered with SERVFAIL. */
  fault?(error: unknown): void;
  /** Monotonic, ms. */
  clock(): number;
  /** Unpredictable, 0 to 65535. */
  random(): number;
  readonly limits?: Partial<ResolverLimits>;
}

/** Counters since creation. */
export interface ResolverStats {
  queries: number;
  dropped: number;
  refused: number;
  cacheHits: number;
  /** Queries sent upstream. */
  lookups: number;
  /** Queries that joined a look-up that was already under way. */
  joined: number;
  /** Answered SERVFAIL because too many were waiting. */
  overflow: number;
  /** Answered SERVFAIL because upstream or the sink failed. */
  failed: number;
}

export interface Resolver {
  /** @returns the reply, or null for what gets none. Rejects only if `evidence` throws. */
  handle(request: Uint8Array, client: Client): Promise<Uint8Array | null>;
  /** The policy or the mode is another one now: cached answers are judged again. */
  policyChanged(): void;
  readonly stats: Readonly<ResolverStats>;
}

export function createResolver(parts: ResolverParts): Resolver {
  return new TargetResolver(parts);
}

type Lookup = Extract<QueryDecision, { kind: 'lookup' }>;

class TargetResolver implements Resolver {
  readonly stats: ResolverStats = {
    queries: 0,
    dropped: 0,
    refused: 0,
    cacheHits: 0,
    lookups: 0,
    joined: 0,
    overflow: 0,
    failed: 0,
  };
  readonly #parts: ResolverParts;
  readonly #limits: ResolverLimits;
  readonly #cache: AnswerCache;
  readonly #underway = new Map<string, Promise<CacheEntry | null>>();
  readonly #names = new Set<string>();
  #waiting = 0;
  /** Counts policy changes, to see that one came while a look-up was under way. */
  #generation = 0;

  constructor(parts: ResolverParts) {
    this.#parts = parts;
    this.#limits = { ...defaultLimits, ...parts.limits };
    this.#cache = new AnswerCache(this.#limits.cacheEntries);
  }

  handle(request: Uint8Array, client: Client): Promise<Uint8Array | null> {
    this.stats.queries++;
    try {
      const decision = this.#decide(request, client);
      if (decision.kind !== 'lookup') return Promise.resolve(this.#atOnce(decision, client));
      return this.#lookUp(decision, client);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  policyChanged(): void {
    this.#generation++;
    const judge = this.#parts.judge();
    const observe = this.#parts.mode() === 'Observe';
    this.#cache.review((name, entry) => {
      const verdict = judge(name);
      if (!verdict.allowed && !observe) return false;
      entry.refusal = refuseAnswer(entry.facts, { private: verdict.private, judge });
      // The name may have other ports or another rule now; the kernel must hear of it again.
      entry.kernelUntil = 0;
      return true;
    });
  }

  #decide(request: Uint8Array, client: Client): QueryDecision {
    const parts = this.#parts;
    return decideQuery(request, {
      judge: parts.judge(),
      mode: parts.mode(),
      attached: parts.attached(),
      transport: client.transport,
    });
  }

  #atOnce(decision: Exclude<QueryDecision, Lookup>, client: Client): Uint8Array | null {
    if (decision.kind === 'drop') {
      this.stats.dropped++;
      return null;
    }
    if (decision.refusal !== null) this.#refused(decision.refusal, client, decision.passed);
    return decision.bytes;
  }

  #lookUp(decision: Lookup, client: Client): Promise<Uint8Array> {
    const { query, verdict } = decision;
    if (!this.#withinBudget(decision)) {
      const { name, type } = query;
      this.#refused({ name, type, reason: 'dns-budget', rule: verdict.rule }, client, false);
      return Promise.resolve(respond(query, client, { rcode: rcodes.NXDOMAIN }));
    }
    const cached = this.#cache.get(query.name, this.#parts.clock());
    if (cached !== null) {
      this.stats.cacheHits++;
      return Promise.resolve(this.#serve(decision, client, cached));
    }
    if (!this.#hasRoom(query.name)) {
      this.stats.overflow++;
      return Promise.resolve(respond(query, client, { rcode: rcodes.SERVFAIL }));
    }
    const generation = this.#generation;
    this.#waiting++;
    return this.#ask(decision).then((entry) => {
      this.#waiting--;
      if (entry === null) return respond(query, client, { rcode: rcodes.SERVFAIL });
      if (generation === this.#generation) return this.#serve(decision, client, entry);
      return this.#serveAfterChange(query, client, entry);
    });
  }

  #hasRoom(name: string): boolean {
    if (this.#waiting >= this.#limits.waiting) return false;
    return this.#underway.has(name) || this.#underway.size < this.#limits.pending;
  }

  /** The policy changed while the client waited: the current one has the last word. */
  #serveAfterChange(query: Query, client: Client, entry: CacheEntry): Uint8Array {
    const again = this.#decide(query.bytes, client);
    if (again.kind === 'lookup') return this.#serve(again, client, entry);
    return this.#atOnce(again, client) ?? respond(query, client, { rcode: rcodes.SERVFAIL });
  }

  /** Names that only Observe looks up do not count: Block would not spend on them. */
  #withinBudget(decision: Lookup): boolean {
    const { name } = decision.query;
    if (decision.refusal !== null || this.#names.has(name)) return true;
    if (this.#names.size >= this.#limits.names) return false;
    this.#names.add(name);
    return true;
  }

  /** Asks upstream once, whoever else wants the same name meanwhile. Null: no usable answer. */
  #ask({ query: { name }, verdict, refusal }: Lookup): Promise<CacheEntry | null> {
    const joined = this.#underway.get(name);
    if (joined !== undefined) {
      this.stats.joined++;
      return joined;
    }
    this.stats.lookups++;
    const query = encodeQuery(this.#parts.random(), name);
    const generation = this.#generation;
    const underway = this.#parts.upstream
      .query(query, name)
      .then((bytes) => {
        this.#underway.delete(name);
        const changed = generation !== this.#generation;
        const inside = (changed ? this.#parts.judge()(name) : verdict).private;
        const entry = this.#keep(name, inside, query, bytes);
        if (!isToLearn(entry)) this.#abandon(name);
        return entry;
      })
      .catch((error: unknown) => {
        this.#underway.delete(name);
        this.#abandon(name);
        return this.#failed(error);
      });
    this.#underway.set(name, underway);
    if (refusal === null) this.#prepare(name, verdict);
    return underway;
  }

  /** While the query is on its way. */
  #prepare(name: string, { permissions }: NameVerdict): void {
    try {
      this.#parts.sink.prepare(name, permissions);
    } catch {
      // It is tried again with the answer, and whoever asked is told then.
    }
  }

  #abandon(name: string): void {
    try {
      this.#parts.sink.abandon(name);
    } catch (error) {
      this.#parts.fault?.(error);
    }
  }

  /** @param inside the name's rule lets its answers point inside */
  #keep(name: string, inside: boolean, query: Uint8Array, bytes: Uint8Array): CacheEntry | null {
    const answer = decideAnswer(query, bytes, { private: inside, judge: this.#parts.judge() });
    if (answer.kind !== 'answer') return this.#failed(null);
    const { facts, refusal } = answer;
    const expires = this.#parts.clock() + facts.ttl * 1000;
    const entry: CacheEntry = { facts, refusal, expires, kernelUntil: 0 };
    this.#cache.set(name, entry);
    return entry;
  }

  #failed(error: unknown): null {
    if (error !== null) this.#parts.fault?.(error);
    this.stats.failed++;
    return null;
  }

  /** Turns what is known of a name into the reply, the kernel first. */
  #serve(decision: Lookup, client: Client, entry: CacheEntry): Uint8Array {
    const { query, verdict } = decision;
    const { facts, refusal } = entry;
    const stop = refusal !== null && (refusal.always || this.#parts.mode() === 'Block');
    if (decision.refusal !== null) this.#refused(decision.refusal, client, !stop);
    else if (refusal !== null) {
      const { name, type } = query;
      const { reason, cname, address } = refusal;
      const rule = refusal.rule ?? verdict.rule;
      this.#refused({ name, type, reason, rule }, client, !stop, { cname, address });
    }
    if (stop) return respond(query, client, { rcode: rcodes.NXDOMAIN });
    if (facts.addresses.length === 0) return respond(query, client, { rcode: facts.rcode });

    const now = this.#parts.clock();
    const ttl = Math.max(1, Math.ceil((entry.expires - now) / 1000));
    if (entry.kernelUntil < entry.expires) {
      const seconds = ttl + KERNEL_GRACE;
      const blocked = decision.refusal !== null || refusal !== null;
      try {
        this.#parts.sink.learn(
          query.name,
          facts.addresses.map((address) => ({ address, seconds })),
          blocked,
        );
      } catch (error) {
        this.#failed(error);
        return respond(query, client, { rcode: rcodes.SERVFAIL });
      }
      entry.kernelUntil = now + seconds * 1000;
      if (!blocked) {
        this.#parts.evidence.allowed({ name: query.name, rule: verdict.rule, client });
      }
    }
    return respond(query, client, {
      rcode: rcodes.NOERROR,
      chain: facts.chain,
      addresses: facts.addresses,
      ttl,
    });
  }

  #refused(
    refusal: QueryRefusal,
    client: Client,
    resolved: boolean,
    found: { cname: string | null; address: number | null } = { cname: null, address: null },
  ): void {
    this.stats.refused++;
    this.#parts.evidence.refused({ ...refusal, ...found, client, resolved });
  }
}

function isToLearn(entry: CacheEntry | null): boolean {
  return entry !== null && entry.refusal === null && entry.facts.addresses.length > 0;
}

function respond(
  query: Query,
  client: Client,
  reply: Parameters<typeof encodeReply>[1],
): Uint8Array {
  return encodeReply(query, reply, replyLimit(query, client.transport));
}
