/** From needs to the rules of one document: destinations that need the same stand in one rule. */
import type { Port } from '#api/rule.ts';
import { formatAddress } from '../cidr.ts';
import { hostText } from '../destination.ts';
import type { Need } from './needs.ts';
import { portListOf } from './ports.ts';
import type { Users } from './who.ts';

export interface SuggestedDestination {
  /** A name, or an address as a prefix. */
  readonly text: string;
  readonly users: Users;
  /** What a reader has to know of it. */
  readonly remarks: readonly string[];
}

export interface SuggestedRule {
  readonly field: 'fqdn' | 'cidr';
  readonly destinations: readonly SuggestedDestination[];
  readonly ports: readonly Port[];
  readonly private: boolean;
}

/** Destinations that people can still read; `api/rule.ts` bounds rules and entries of one document. */
const limits = { destinations: 512, rules: 256, entries: 256 } as const;

export interface Rules {
  readonly rules: readonly SuggestedRule[];
  /** Destinations that did not fit. */
  readonly tooMany: number;
}

/** @param needs sorted; so are the rules, by their first destination, names before addresses */
export function rulesOf(needs: readonly Need[]): Rules {
  const groups = new Map<
    string,
    { rule: Omit<SuggestedRule, 'destinations'>; of: SuggestedDestination[] }
  >();
  const connected = new Set(
    needs.filter(({ ports }) => ports.size > 0).map(({ host }) => hostText(host)),
  );
  let tooMany = 0;
  for (const [index, need] of sortedByKind(needs).entries()) {
    const rule = ruleFor(need);
    // A full list is followed by another one.
    let key = JSON.stringify(rule);
    while ((groups.get(key)?.of.length ?? 0) >= limits.entries) key += '+';
    const group = groups.get(key) ?? { rule, of: [] };
    if (index >= limits.destinations || (group.of.length === 0 && groups.size >= limits.rules)) {
      tooMany++;
      continue;
    }
    groups.set(key, group);
    group.of.push(destinationOf(need, connected));
  }
  const rules = [...groups.values()].map(({ rule, of }) => ({ ...rule, destinations: of }));
  return { rules, tooMany };
}

function sortedByKind(needs: readonly Need[]): readonly Need[] {
  const names = needs.filter(({ host }) => 'name' in host);
  return [...names, ...needs.filter(({ host }) => !('name' in host))];
}

function ruleFor({ host, ports, inside }: Need): Omit<SuggestedRule, 'destinations'> {
  return {
    field: 'name' in host ? 'fqdn' : 'cidr',
    ports: portListOf([...ports.values()]).ports,
    private: inside.size > 0,
  };
}

function destinationOf(
  { host, users, ports, inside, instead = [] }: Need,
  connected: ReadonlySet<string>,
): SuggestedDestination {
  const { widened } = portListOf([...ports.values()]);
  const addresses = [...inside].sort();
  return {
    text: 'address' in host ? `${formatAddress(host.address)}/32` : hostText(host),
    users,
    remarks: [
      ...(instead.length === 0 ? [] : [`in the stead of ${firstOf(instead)}`]),
      ...(ports.size === 0 ? lookupRemarks(host, connected) : []),
      ...(widened ? [`${ports.size} ports were seen, and these ranges hold more`] : []),
      ...(addresses.length === 0 ? [] : [`has private addresses: ${firstOf(addresses)}`]),
    ],
  };
}

function firstOf(texts: readonly string[]): string {
  const shown = texts.slice(0, 3);
  const more = texts.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

function lookupRemarks(host: Need['host'], connected: ReadonlySet<string>): readonly string[] {
  const guess = 'looked up and not connected to: port 443 is a guess';
  const labels = 'name' in host ? host.name : [];
  const front = labels.map((_, index) => labels.slice(0, index).join('.'));
  const whole = front.find((text) => connected.has(text));
  if (whole === undefined) return [guess];
  return [
    guess,
    `it begins with ${whole}: where that is the search list's doing, it is not needed`,
  ];
}
