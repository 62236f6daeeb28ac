/** What a replay is, as data: one incident, the job that it hit, and what is expected of it. */
import type { Reason } from '#api/event.ts';
import type { Place } from './places.ts';

/**
 * `stopped`: nothing of the secrets left the job. `partly`: the thief's own places got nothing, but
 * something harmful passed. `limit`: the secrets got out by a way that the policy allows by nature.
 */
export type Verdict = 'stopped' | 'partly' | 'limit';

/** One attempt that was refused: exactly one row of evidence. */
export interface Row {
  /** A name (refused lookup), `address:port`, `name@address:port`; `/udp` behind it where it is UDP. */
  readonly to: string;
  /** Processes within the job, oldest first, the one that tried last. */
  readonly by: string;
  readonly reason: Reason;
  /** 1 unless told. */
  readonly count?: number;
}

/** The same attack under one policy. */
export interface Run {
  readonly policy: PolicyName;
  readonly verdict: Verdict;
  /** What stopped it, and what it could still do: a sentence or two for docs/incidents.md. */
  readonly why: string;
  readonly rows: readonly Row[];
  /**
   * What reaches sinks all the same, as `METHOD host/path`: hosts that the policy allows. Nothing else
   * may arrive. The job's own downloads from package registries are not listed.
   */
  readonly arrives?: readonly string[];
  /** The secrets are in what arrives. */
  readonly carriesSecrets?: true;
  /** The worm's copy is in the package registry, which the policy allows. */
  readonly publishes?: true;
  /** The secrets stand in the job's log. */
  readonly logs?: true;
  /** Another command line than the incident's own. */
  readonly script?: string;
}

/** Policies of projects; see policies.ts. */
export type PolicyName = 'gitlab' | 'github' | 'githubApi' | 'ai';

/** A poisoned package. Its files are in the incident's folder, next to `wire.js` or `wire.py`. */
export interface PoisonedPackage {
  readonly registry: 'npm' | 'pypi';
  readonly name: string;
  readonly version: string;
  readonly files: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface Incident {
  /** The name of its folder below incidents/. */
  readonly id: string;
  /** When it was seen first, YYYY-MM-DD. */
  readonly date: string;
  readonly name: string;
  /** What it did, in a sentence. */
  readonly what: string;
  /** What the replay leaves out or plays otherwise; empty when nothing. */
  readonly differs: string;
  /** Places that this incident brings along, besides those that several share (places.ts). */
  readonly places: readonly Place[];
  readonly packages?: readonly PoisonedPackage[];
  /** The job's script, as `.gitlab-ci.yml` would have it; run by `sh -e`. */
  readonly script: string;
  /** A file of the project that is there when the job's legitimate part has worked. */
  readonly proof: string;
  /** Without enforcement, all of this arrives (and more may). Proves that the attack is real. */
  readonly control: {
    readonly arrives: readonly string[];
    /** Where the secrets are: in what arrives, unless told. */
    readonly secretsIn?: 'log';
    readonly publishes?: true;
  };
  readonly runs: readonly Run[];
  /** Addresses, or who wrote about it and when. */
  readonly sources: readonly string[];
}
