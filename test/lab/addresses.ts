/** The lab's plan of addresses, and what a test may ask for. */
import { isIP, isIPv4 } from 'node:net';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

export interface LinkEnd {
  readonly v4: string;
  readonly v6: string;
  /** Locally administered. */
  readonly mac: string;
}

/** The link between the two namespaces: the last four of TEST-NET-3, which no test may use. */
export const link = {
  host: { v4: '203.0.113.254', v6: '2001:db8:ffff::2', mac: '02:00:00:00:00:02' },
  net: { v4: '203.0.113.253', v6: '2001:db8:ffff::1', mac: '02:00:00:00:00:01' },
} as const satisfies Record<string, LinkEnd>;

/** What every lab's /etc/resolv.conf names. */
export const DNS_ADDRESS = '192.0.2.53';

/**
 * The address in the form in which nft prints it. Incidents' addresses and 169.254.169.254 are fine
 * here: nothing in a lab has a route out.
 * @throws TW_LAB_ADDRESS
 */
export function labAddress(address: string): string {
  if (isIP(address) === 0) throw failure(errors.address, { address, reason: 'it is no address' });
  const canonical = canonicalAddress(address);
  if (/^(127\.|0\.|255\.|2(2[4-9]|3\d)\.|::1?$|ff)/.test(canonical)) {
    throw failure(errors.address, { address, reason: 'it can never be on a remote side' });
  }
  if (/^(203\.0\.113\.25[2-5]$|2001:db8:ffff:)/.test(canonical)) {
    throw failure(errors.address, { address, reason: 'it belongs to the lab’s own link' });
  }
  return canonical;
}

/** IPv6 in its shortest lower-case form (RFC 5952); IPv4 as it is. */
export function canonicalAddress(address: string): string {
  return isIPv4(address) ? address : new URL(`http://[${address}]`).hostname.slice(1, -1);
}
