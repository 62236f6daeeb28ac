/**
 * Rows of past runs under another policy: what it would have refused. Names are judged as the resolver judges them,
 * connections as the kernel does; an address that is not kept with its name is an ordinary one.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { allowedReasons, type EgressEvent } from '#api/event.ts';
import { parseAddress, rangeKind } from '../cidr.ts';
import { compile } from '../compile.ts';
import { judgeDestination } from '../judge-destination.ts';
import { judgeName } from '../judge-name.ts';
import type { CompiledPolicy } from '../types.ts';
import {
  hostOf,
  isServiceLookup,
  nothing,
  portProtocol,
  suggestible,
  whatText,
  whyNever,
} from './needs.ts';
import { Users } from './who.ts';

export interface Refused {
  /** @example 'evil.example 8000/TCP' */
  readonly what: string;
  readonly reason: string;
  /** The rule that refuses it; `default` where none allows it. */
  readonly rule: string;
  /** Attempts. */
  readonly count: number;
  /** Had one of them passed? Then the job will miss it. */
  readonly passed: boolean;
  readonly users: readonly string[];
}

export interface ReplayedRun {
  /** Target of the rows. */
  readonly run: string;
  readonly pod: string | null;
  /** When it began, RFC 3339. */
  readonly time: string;
  /** Attempts of all of its rows. */
  readonly attempts: number;
  readonly refused: readonly Refused[];
}

export interface ReplayIdentity {
  readonly project: string | null;
  readonly job: string | null;
}

/** Lines about processes of one destination. */
const MAX_USERS = 2;

/** Runs in the order of their beginning. Every document counts, as `torwacht run` takes them. */
export function replay(
  documents: readonly TorwachtDocument[],
  { project, job }: ReplayIdentity,
  rows: readonly EgressEvent[],
): readonly ReplayedRun[] {
  const identity = {
    namespace: 'default',
    ...(project === null ? {} : { project }),
    ...(job === null ? {} : { job }),
  };
  const policy = compile(documents, identity, { ignoreNamespaces: true, trustIdentity: true });
  const runs = new Map<string, EgressEvent[]>();
  for (const row of rows) {
    if (nothing.has(row.reason)) continue;
    const run = runs.get(row.target) ?? [];
    runs.set(row.target, run);
    run.push(row);
  }
  const replayed = [...runs].map(([run, of]) => replayRun(policy, run, of));
  return replayed.sort((a, b) => (a.time < b.time ? -1 : Number(a.time > b.time)));
}

function replayRun(policy: CompiledPolicy, run: string, rows: readonly EgressEvent[]): ReplayedRun {
  const found = new Map<string, { of: Omit<Refused, 'users'>; users: Users }>();
  for (const row of rows) {
    const judged = judge(policy, row);
    if (judged === null) continue;
    const what = whatText(row);
    const key = `${what} ${judged.reason} ${judged.rule}`;
    const before = found.get(key) ?? {
      of: { what, ...judged, count: 0, passed: false },
      users: new Users(),
    };
    before.users.add(row);
    const { count, passed } = before.of;
    const missed = row.action !== 'block' && !isServiceLookup(row);
    const of = { ...before.of, count: count + row.count, passed: passed || missed };
    found.set(key, { of, users: before.users });
  }
  const [{ pod } = { pod: null }] = rows;
  return {
    run,
    pod,
    time: rows.map(({ time }) => time).sort()[0] ?? '',
    attempts: rows.reduce((sum, { count }) => sum + count, 0),
    refused: [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { of, users }]) => ({ ...of, users: users.lines(MAX_USERS) })),
  };
}

type Verdict = Pick<Refused, 'reason' | 'rule'>;

/** Null where it passes. */
function judge(policy: CompiledPolicy, row: EgressEvent): Verdict | null {
  const host = hostOf(row);
  const never = host === null ? whyNameless(row) : whyNever(row, host);
  if (host === null || never !== null || !judgeable(row)) {
    return { reason: never ?? row.reason, rule: 'always denied' };
  }
  const ruleOf = (rule: number): string => policy.rules[rule]?.name ?? 'default';
  const { allowed, reason, rule, name } = judgeHost(policy, row, host);
  if (!allowed) return { reason, rule: ruleOf(rule) };
  if (name === null || name.private || !isInside(row)) return null;
  return { reason: 'private-answer', rule: ruleOf(name.rule) };
}

/** A name alone for a lookup, else its connection too. */
function judgeHost(policy: CompiledPolicy, row: EgressEvent, host: NonNullable<Host>) {
  const { port, protocol } = row;
  if (port !== null || !('name' in host)) {
    const destination = { host, port: port ?? 0, protocol: portProtocol(protocol), notes: [] };
    return judgeDestination(policy, destination);
  }
  const name = judgeName(policy, host.name);
  return { ...name, name };
}

type Host = ReturnType<typeof hostOf>;

/** Is it for rules to say? What one of then denied is for those of now. */
function judgeable({ reason }: EgressEvent): boolean {
  return suggestible.has(reason) || reason === 'deny-rule' || reason === 'cname';
}

function whyNameless({ reason }: EgressEvent): string {
  return allowedReasons.has(reason) ? 'default' : reason;
}

function isInside({ ip }: EgressEvent): boolean {
  const address = ip === null ? null : parseAddress(ip);
  return typeof address === 'number' && rangeKind(address) !== null;
}
