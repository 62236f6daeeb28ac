/** What is wrong, or unwise, about names and prefixes that a policy allows. */
import { parse } from 'tldts';
import type { AllowRule } from '#api/rule.ts';
import {
  type DeniedProvider,
  deniedPrefixes,
  dohAddresses,
  dohProviders,
  metadataNames,
} from '#policy/always-denied.ts';
import { contains, type Prefix, parsePrefix } from '#policy/cidr.ts';
import { formatName, parseName } from '#policy/names.ts';
import { quoted } from '#policy/problem.ts';
import type { NamePattern } from '#policy/types.ts';
import { sharedDomains } from './clouds.ts';

/** A sentence, without the place that it is about. */
export type Say = (sentence: string) => void;

export interface Saying {
  /** Refuses the object. */
  readonly problem: Say;
  /** Is shown, and lets it pass. */
  readonly warning: Say;
}

export function judgeName(text: string, { problem, warning }: Saying): void {
  const pattern = parseName(text);
  // Said by the check of the document.
  if ('message' in pattern) return;
  const domain = pattern.labels.join('.');
  const metadata = covered(pattern, metadataNames);
  if (metadata !== null) {
    problem(
      `${quoted(text)} covers ${metadata}, which is a cloud's metadata service. Name the hosts that are meant.`,
    );
    return;
  }
  const resolver = covered(pattern, dohProviders);
  if (resolver !== null && pattern.wildcard === 'none') {
    problem(
      `${quoted(text)} is a public resolver, which is always denied. Remove it: names are resolved by Torwacht.`,
    );
  } else if (resolver !== null) {
    warning(`${quoted(text)} covers ${resolver}, a public resolver, which stays denied`);
  }
  if (pattern.wildcard === 'none') return;
  if (parse(domain, { allowPrivateDomains: true }).publicSuffix === domain) {
    problem(
      `${quoted(text)} covers a public suffix: anybody can have a name below ${domain}. Name the hosts that are meant.`,
    );
    return;
  }
  const shared = Object.keys(sharedDomains).find(
    (name) => name === domain || name.endsWith(`.${domain}`),
  );
  if (shared !== undefined) warning(`${quoted(text)} covers ${sharedDomains[shared]}`);
}

/** A name of these that the pattern matches, as it is listed; null where there is none. */
function covered(pattern: NamePattern, providers: readonly DeniedProvider[]): string | null {
  for (const { names } of providers) {
    for (const name of names) {
      const listed = parseName(name);
      if (!('message' in listed) && meets(pattern, listed)) return formatName(listed);
    }
  }
  return null;
}

/** Is there a name that both match? */
function meets(one: NamePattern, other: NamePattern): boolean {
  return coversBase(one, other) || coversBase(other, one);
}

function coversBase(wide: NamePattern, narrow: NamePattern): boolean {
  const more = narrow.labels.length - wide.labels.length;
  if (
    more < 0 ||
    !narrow.labels.slice(more).every((label, index) => label === wide.labels[index])
  ) {
    return false;
  }
  // The narrow one may stand for longer names than it is long itself.
  const least = more + (narrow.wildcard === 'none' ? 0 : 1);
  const most = narrow.wildcard === 'many' ? Number.POSITIVE_INFINITY : least;
  if (wide.wildcard === 'none') return least === 0;
  return wide.wildcard === 'many' ? most >= 1 : least <= 1 && most >= 1;
}

/** Shorter prefixes hold more addresses than one company has jobs. */
const WIDE_PREFIX = 16;

export function judgePrefix(text: string, { problem, warning }: Saying): void {
  const prefix = parsePrefix(text);
  if ('message' in prefix) return;
  const within = deniedPrefixes.find((denied) => includes(denied, prefix));
  if (within !== undefined || (prefix.length === 32 && dohAddresses.includes(prefix.address))) {
    problem(
      `${text} is always denied (${within?.reason ?? 'doh'}), so nothing can allow it. Remove it.`,
    );
    return;
  }
  if (deniedPrefixes.some((denied) => denied.reason !== 'probe' && includes(prefix, denied))) {
    warning(`${text} covers addresses that are always denied, and stay so`);
  }
  if (prefix.length < WIDE_PREFIX) {
    warning(
      `${text} is ${2 ** (32 - prefix.length)} addresses: whoever rents one of them can be reached`,
    );
  }
}

function includes(wide: Prefix, narrow: Prefix): boolean {
  return wide.length <= narrow.length && contains(wide, narrow.address);
}

/** Ports that one range opens without a word about it. */
const WIDE_RANGE = 100;

export function judgePorts({ ports }: Pick<AllowRule, 'ports'>, { warning }: Saying): void {
  for (const { port, endPort = port } of ports) {
    const count = endPort - port + 1;
    if (count > WIDE_RANGE) warning(`ports ${port}-${endPort} are ${count} ports`);
  }
}
