/**
 * A way around an egress filter as data: what it is, what becomes of it here, and the attempts that show
 * it. An attempt is a step of the probe (probe/main.c), which knows addresses and nothing of torwacht;
 * who runs it, and where, is a ground (ground.ts). What came of it is never the probe's word alone.
 */
import type { EgressEvent } from '#api/event.ts';
import type { PolicySpec } from '../e2e/stage.ts';
import type { Lab } from '../lab/lab.ts';
import type { DnsAsked } from '../lab/servers/scripted-dns-process.ts';
import type { Received } from '../lab/servers/sink-process.ts';
import type { RunGround } from './run-ground.ts';

/** What the other side of the wire shows of one attempt; each attempt has an address or name of its own. */
export type Witness =
  /** Packets that arrived for this address. */
  | { readonly packets: string; readonly port?: number; readonly protocol?: string }
  /** A DNS server outside was asked for this name, in whatever case. */
  | { readonly asked: string }
  /** These very bytes, as Latin-1, stood in a message to a DNS server outside. */
  | { readonly bytes: string }
  /** A server outside received these bytes. */
  | { readonly text: string };

/** A row that must be among the events; `action` is `block` and `comm` the probe's unless told. */
export type Row = Partial<
  Pick<EgressEvent, 'action' | 'reason' | 'domain' | 'ip' | 'port' | 'protocol' | 'count'>
> & {
  /** Undefined: whoever it was. */
  readonly comm?: string | undefined;
};

export type Record =
  /** And what the probe says, held, where the way there is refused before the packet is. */
  | {
      readonly row: Row;
      readonly said?: RegExp;
      /** What the probe says, exactly, where an older kernel refuses it before ours does: then there is no row. */
      readonly earlier?: string;
    }
  /** Refused before the kernel's verdict, without a row: what the probe's call gives, exactly. */
  | { readonly call: string }
  /** Allowed, but for what is smuggled along: the answer to the rest. */
  | { readonly answered: RegExp };

interface Tried {
  /** A step of the probe: its name and its words. Unique within a group. */
  readonly step: string;
  /** What people read in its place, where the words are bytes. */
  readonly what?: string;
  /**
   * What the probe says without enforcement, where arriving is not proof enough; otherwise the witness
   * alone says whether the control got through.
   */
  readonly free?: RegExp;
  /** Flags of `torwacht run` that open the door before the one that is tried. */
  readonly opened?: readonly string[];
}

/** Something gets out unenforced. Enforced it does not, and is recorded. */
export interface Refused extends Tried {
  readonly witness: Witness;
  readonly record: Record;
}

/** The same, but it gets out enforced as well: what a limit says. */
export interface GetsThrough extends Tried {
  readonly witness: Witness;
  readonly through: true;
}

/** Not an attempt: what must go well before the next attempt means anything, held and free. */
export interface Preparation extends Tried {
  /** What the probe says of it, held. */
  readonly held: RegExp;
  /** A row that it leaves. */
  readonly row?: Row;
}

/** Harm that is no traffic: the call's own answer is what there is to see. `free` says that it can be done. */
export interface Call extends Tried {
  readonly free: RegExp;
  /** What the probe says of it, held. */
  readonly refused: RegExp;
}

export type Attempt = Refused | GetsThrough | Preparation | Call;

interface Told {
  /** kebab-case, unique. */
  readonly id: string;
  readonly title: string;
  /** One sentence. */
  readonly how: string;
  /** Where it comes from: an advisory, an issue, a kernel file; as a reader can look it up. */
  readonly source: string;
}

/** Proofs that need more than a step: an edit while it runs, a process outside. */
export type Story = (ground: RunGround) => Promise<void>;

interface Shown {
  readonly attempts?: readonly Attempt[];
  /** By title; each throws what is wrong, or `Missing` when the control cannot run on this host. */
  readonly stories?: Readonly<{ [title: string]: Story }>;
}

export type Technique = Told &
  (
    | ({ readonly outcome: 'stopped'; readonly by: string } & Shown)
    /** `limit`: the words in bold that begin its entry in docs/limits.md. */
    | ({ readonly outcome: 'limit'; readonly by: string; readonly limit: string } & Shown)
    | { readonly outcome: 'not-applicable'; readonly by: string }
  );

/** The DNS servers and sinks of a group's world, as far as witnesses need them. */
export interface Furniture {
  readonly dns?: readonly { asked(): readonly Pick<DnsAsked, 'name' | 'message'>[] }[];
  readonly sinks?: readonly { log(): Received[] }[];
}

/** Techniques that share one world: what stands outside, and what the policy allows. */
export interface Group {
  /** A word for the lab's name. */
  readonly label: string;
  readonly policy: PolicySpec;
  furnish(lab: Lab): Promise<Furniture>;
  readonly techniques: readonly Technique[];
}

/** The control cannot run on this host; the message says what is missing. */
export class Missing extends Error {}
