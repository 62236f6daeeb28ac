/**
 * Names below a domain as one wildcard. Only for domains that a person named: a wildcard opens names that
 * nobody asked for, and a way out to whoever may make up names below it.
 */
import type { Refusal } from '../cidr.ts';
import { hostText } from '../destination.ts';
import { parseName } from '../names.ts';
import type { Need } from './needs.ts';
import { Users } from './who.ts';

/** Labels of a domain that names may be collapsed below. */
export type Domain = readonly string[];

/** @example parseDomain('cdn.example.com') */
export function parseDomain(text: string): Domain | Refusal {
  const name = parseName(text);
  if ('message' in name) return name;
  if (name.wildcard !== 'none') {
    return { message: 'holds a star', hint: 'Name the domain alone; the star is written for you.' };
  }
  if (name.labels.length > 1) return name.labels;
  return { message: 'has one label', hint: 'Name at least two, like example.com.' };
}

/** A name that stands alone below its domain stays as it is. */
export function collapse(needs: readonly Need[], domains: readonly Domain[]): readonly Need[] {
  // The longest domain first: it is the narrowest opening.
  const ordered = [...domains].sort((a, b) => b.length - a.length);
  let rest = needs;
  const collapsed: Need[] = [];
  for (const domain of ordered) {
    const below = rest.filter((need) => isBelow(need, domain));
    if (below.length < 2) continue;
    rest = rest.filter((need) => !isBelow(need, domain));
    collapsed.push(together(below, domain));
  }
  const text = ({ host }: Need) => hostText(host);
  return [...rest, ...collapsed].sort((a, b) =>
    text(a) < text(b) ? -1 : Number(text(a) > text(b)),
  );
}

function isBelow({ host }: Need, domain: Domain): boolean {
  if (!('name' in host) || host.name.length <= domain.length) return false;
  return host.name.slice(-domain.length).join('.') === domain.join('.');
}

function together(needs: readonly Need[], domain: Domain): Need {
  const deepest = Math.max(...needs.map(({ host }) => ('name' in host ? host.name.length : 0)));
  const star = deepest - domain.length === 1 ? '*' : '**';
  return {
    host: { name: [star, ...domain] },
    users: Users.together(needs.map(({ users }) => users)),
    ports: new Map(needs.flatMap(({ ports }) => [...ports])),
    inside: new Set(needs.flatMap(({ inside }) => [...inside])),
    instead: needs.map(({ host }) => hostText(host)),
  };
}
