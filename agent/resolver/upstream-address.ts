/** Where a DNS server is: `address` or `address:port`, IPv6 in brackets if a port follows. */
import { isIP } from 'node:net';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

export interface ServerAddress {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
}

const DNS_PORT = 53;

/** @throws TW_RESOLVER_UPSTREAM_ADDRESS for anything else; names are not resolved. */
export function parseServerAddress(text: string): ServerAddress {
  const plain = serverAddress(text, DNS_PORT);
  if (plain !== null) return plain;
  const match = /^(?:\[([^\]]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? DNS_PORT : Number(match[3]);
  const parsed = serverAddress(match?.[1] ?? match?.[2] ?? '', port);
  if (parsed === null || port < 1 || port > 65535) throw failure(errors.upstreamAddress, { text });
  return parsed;
}

function serverAddress(address: string, port: number): ServerAddress | null {
  const family = isIP(address);
  return family === 4 || family === 6 ? { address, port, family } : null;
}

/** For messages: as `parseServerAddress` takes it. */
export function formatServerAddress({ address, port, family }: ServerAddress): string {
  return family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
