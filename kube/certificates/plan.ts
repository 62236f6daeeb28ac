/**
 * What to do about the certificates of a server, as a function of what the Secret holds and of the time. Every replica
 * runs it; the Secret's resourceVersion lets one of them win, and the others take what it wrote.
 *
 * An authority is announced before anything is signed by it: clients trust both for a while, so there is no
 * moment in which a replica shows a certificate that some client does not know yet.
 */
import {
  BACKDATED,
  endOf,
  factsOf,
  type Issued,
  isSignedBy,
  issueAuthority,
  issueLeaf,
} from './issue.ts';

const DAY = 24 * 3600_000;

/** ms. */
export const lifetimes = {
  authority: 730 * DAY,
  leaf: 90 * DAY,
  /** Time left at which another takes its place. */
  renewAuthority: 270 * DAY,
  renewLeaf: 30 * DAY,
  /** From announcing an authority to signing by it. */
  announced: 15 * 60_000,
} as const;
export type Lifetimes = { readonly [K in keyof typeof lifetimes]: number };

export interface Held {
  /** PEM of each authority that a client is to trust. */
  readonly trusted: readonly string[];
  readonly signer: Issued;
  /** Announced, and not signing yet. */
  readonly next: (Issued & { readonly since: number }) | null;
  readonly leaf: Issued;
}

export type Step = 'begin' | 'announce' | 'promote' | 'renew' | 'trim';

export interface Situation {
  readonly held: Held | null;
  readonly names: readonly string[];
  readonly now: number;
  readonly lifetimes: Lifetimes;
}

/** @param published do all clients have all of `trusted`, or will soon? */
export function nextStep(
  { held, names, now, lifetimes: times }: Situation,
  published: boolean,
): Step | null {
  const signer = held === null ? null : factsOf(held.signer);
  if (held === null || signer === null || signer.until <= now || isAhead(signer.from, now))
    return 'begin';
  if (!held.trusted.includes(held.signer.certificate)) return 'begin';
  const { next } = held;
  if (next !== null && (factsOf(next) === null || isAhead(next.since, now))) return 'announce';
  if (next !== null && published && now - next.since >= times.announced) return 'promote';
  if (next === null && signer.until - now < times.renewAuthority) return 'announce';
  if (!leafHolds(held, { names, now, lifetimes: times })) return 'renew';
  return held.trusted.some((one) => endOf(one) <= now) ? 'trim' : null;
}

/** The clock was set back since; what is dated after that would be waited for, perhaps for years. */
function isAhead(time: number, now: number): boolean {
  return time > now + BACKDATED;
}

type Wanted = Pick<Situation, 'names' | 'now' | 'lifetimes'>;

function leafHolds({ leaf, signer }: Held, { names, now, lifetimes: times }: Wanted): boolean {
  const facts = factsOf(leaf);
  return (
    facts !== null &&
    facts.until - now >= times.renewLeaf &&
    !isAhead(facts.from, now) &&
    names.every((name) => facts.names.includes(name)) &&
    isSignedBy(leaf.certificate, signer.certificate)
  );
}

/** What the Secret holds after a step. */
export async function takeStep(step: Step, situation: Situation): Promise<Held> {
  const { held, names, now, lifetimes: times } = situation;
  const authority = () =>
    issueAuthority(`${names[0] ?? ''} authority`.slice(0, 64), { now, lasts: times.authority });
  const leafOf = (signer: Issued) => issueLeaf(signer, names, { now, lasts: times.leaf });
  const alive = (held?.trusted ?? []).filter((one) => endOf(one) > now);
  if (held === null || step === 'begin') {
    const signer = await authority();
    // Replicas that still show what an older one signed stay trusted.
    return {
      trusted: [signer.certificate, ...alive],
      signer,
      next: null,
      leaf: await leafOf(signer),
    };
  }
  switch (step) {
    case 'announce': {
      const next = { ...(await authority()), since: now };
      const without = alive.filter((one) => one !== held.next?.certificate);
      return { ...held, trusted: [...without, next.certificate], next };
    }
    case 'promote': {
      const signer = held.next ?? held.signer;
      const { certificate, key } = signer;
      const leaf = await leafOf(signer);
      return { trusted: alive, signer: { certificate, key }, next: null, leaf };
    }
    case 'renew':
      return { ...held, leaf: await leafOf(held.signer) };
    case 'trim':
      return { ...held, trusted: alive };
  }
}

/** What clients are told: all trusted authorities, in the Secret's order. */
export function bundleOf({ trusted }: Held): string {
  return trusted.map((one) => `${one.trim()}\n`).join('');
}
