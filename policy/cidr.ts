/**
 * IPv4 addresses and prefixes as unsigned 32-bit numbers in host order, and the ranges that have a meaning
 * of their own. Parsing is strict, because lenient parsers disagree: to some `010.0.0.1` is 8.0.0.1.
 */

import { quoted } from './problem.ts';

export interface Prefix {
  /** Network address; no bit is set behind `length`. */
  readonly address: number;
  /** 0 to 32. */
  readonly length: number;
}

/** A refusal says what is wrong and what to write instead. */
export interface Refusal {
  readonly message: string;
  readonly hint: string;
}

const ADDRESS_HINT = 'Write four numbers from 0 to 255 without leading zeros, like 192.0.2.10.';

/** Parses a dotted quad. @example parseAddress('192.0.2.1') === 0xc0000201 */
export function parseAddress(text: string): number | Refusal {
  const parts = text.split('.', 5);
  if (parts.length !== 4) return { message: 'is not an IPv4 address', hint: ADDRESS_HINT };
  let address = 0;
  for (const part of parts) {
    if (!/^[0-9]{1,3}$/.test(part))
      return { message: 'is not an IPv4 address', hint: ADDRESS_HINT };
    if (part.length > 1 && part.startsWith('0')) {
      return {
        message: `has the octet ${part}, which some programs read as octal`,
        hint: `Write ${Number(part)} if that is what is meant.`,
      };
    }
    const octet = Number(part);
    if (octet > 255)
      return { message: `has the octet ${part}, which is above 255`, hint: ADDRESS_HINT };
    address = address * 256 + octet;
  }
  return address;
}

/** @example formatAddress(0xc0000201) === '192.0.2.1' */
export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** Netmask of a length as an unsigned number; a shift by 32 would be a shift by 0. */
export function netmask(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}

export function contains(prefix: Prefix, address: number): boolean {
  return (address & netmask(prefix.length)) >>> 0 === prefix.address;
}

/** Parses `a.b.c.d/n`. Refuses host bits, so that what is written is what is meant. */
export function parsePrefix(text: string): Prefix | Refusal {
  if (text.includes(':')) {
    return {
      message: 'is IPv6, which this version always denies',
      hint: 'Remove it. IPv6 needs no deny rule, and no rule can allow it yet.',
    };
  }
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (typeof address !== 'number') return address;
  if (slash < 0) {
    return { message: 'has no prefix length', hint: `For this address alone write ${text}/32.` };
  }
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]?)$/.test(digits) || Number(digits) > 32) {
    return {
      message: `has the prefix length ${quoted(digits)}, which is not 0 to 32`,
      hint: 'Write the number of leading bits that count, like /24.',
    };
  }
  const length = Number(digits);
  const network = (address & netmask(length)) >>> 0;
  if (network !== address) {
    return {
      message: `has bits set behind its prefix length of ${length}`,
      hint: `Write ${formatAddress(network)}/${length} for the network, or ${formatAddress(address)}/32 for this address alone.`,
    };
  }
  return { address, length };
}

export type RangeKind =
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'cgnat'
  | 'metadata'
  | 'multicast'
  | 'reserved';

/** Prefixes of special meaning, from the IANA IPv4 Special-Purpose Address Registry unless noted. */
const specialPrefixes: readonly (readonly [prefix: string, kind: RangeKind])[] = [
  ['0.0.0.0/8', 'reserved'],
  ['10.0.0.0/8', 'private'],
  // Alibaba Cloud's metadata service sits inside the shared range.
  ['100.100.100.200/32', 'metadata'],
  ['100.64.0.0/10', 'cgnat'],
  ['127.0.0.0/8', 'loopback'],
  // Azure's host service ("wire server"): a public address that is only reachable from inside.
  ['168.63.129.16/32', 'metadata'],
  ['169.254.169.254/32', 'metadata'],
  ['169.254.170.2/32', 'metadata'],
  ['169.254.170.23/32', 'metadata'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'reserved'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
];

export interface SpecialRange extends Prefix {
  readonly kind: RangeKind;
}

/** A more specific range stands before the one that holds it, so the first that contains decides. */
export const specialRanges: readonly SpecialRange[] = specialPrefixes.map(([text, kind]) => ({
  ...constantPrefix(text),
  kind,
}));

/** What kind of special address this is; null for an ordinary public one. */
export function rangeKind(address: number): RangeKind | null {
  return specialRanges.find((range) => contains(range, address))?.kind ?? null;
}

/** For prefixes that stand in the source: a mistake there must fail at once. */
export function constantPrefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if ('message' in prefix) throw new Error(`${text} ${prefix.message}`);
  return prefix;
}

/** For addresses that stand in the source. */
export function constantAddress(text: string): number {
  const address = parseAddress(text);
  if (typeof address !== 'number') throw new Error(`${text} ${address.message}`);
  return address;
}
