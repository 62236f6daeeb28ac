/**
 * The event that every sink gets: one row of evidence per (target, process, destination, reason).
 * Field names are those of the row that people read at 3 a.m.
 */
import * as z from 'zod';

export const processSchema = z.object({
  pid: z.number().int(),
  comm: z.string(),
});

/** Why a verdict was what it was. The kernel's numbers are the indexes of this list (bpf/verdict.h). */
export const reasons = [
  'none',
  'local',
  'resolver',
  'name',
  'cidr',
  'default',
  'deny-rule',
  'expired',
  'port',
  'local-service',
  'dns-server',
  'dot',
  'doh',
  'metadata',
  'ipv6',
  'icmp',
  'protocol',
  'fragment',
  'ip-options',
  'multicast',
  'malformed',
  'dns-budget',
  'no-target',
  'probe',
  'private-answer',
  'cname',
  'query',
  'family',
] as const;
export type Reason = (typeof reasons)[number];

/** Reasons of verdicts that allow; all others refuse. */
export const allowedReasons: ReadonlySet<Reason> = new Set(['local', 'resolver', 'name', 'cidr']);

export const egressEventSchema = z.object({
  version: z.literal(1),
  /**
   * Of the row, the same in every event of it: a later one has its later count. Null in files of earlier runs, as
   * `added` is.
   */
  id: z.string().max(64).nullable().default(null),
  /** First time of the row, RFC 3339. */
  time: z.string(),
  last_seen: z.string(),
  /** `block`: refused. `observe`: let pass, Block would have refused. `allow`: allowed by a rule. */
  action: z.enum(['block', 'observe', 'allow']),
  target: z.string(),
  /** Of the pod, where the target is one. Files of earlier runs lack both. */
  namespace: z.string().nullable().default(null),
  pod: z.string().nullable().default(null),
  /** Of the pod, in which the process is or was. */
  container: z.string().nullable().default(null),
  project_id: z.string().nullable(),
  job_name: z.string().nullable(),
  /** The job's page, on the GitLab of its binding; see policy/job-url.ts. */
  job_url: z.string().max(1024).nullable().default(null),
  pid: z.number().int().nullable(),
  comm: z.string().nullable(),
  parent_comm: z.string().nullable(),
  exe: z.string().nullable(),
  argv: z.string().nullable(),
  uid: z.number().int().nullable(),
  /** Ancestors of the process, oldest first, the process itself not included. */
  ancestry: z.array(processSchema),
  domain: z.string().nullable(),
  ip: z.string().nullable(),
  port: z.number().int().nullable(),
  protocol: z.enum(['tcp', 'udp', 'icmp', 'other']).nullable(),
  /** How often it happened until now. */
  count: z.number().int(),
  /** How many of those no event of this row has said before: over all of its events they make `count`. */
  added: z.number().int().nullable().default(null),
  rule: z.string(),
  policy: z.string().nullable(),
  reason: z.enum(reasons),
});
export type EgressEvent = z.infer<typeof egressEventSchema>;
