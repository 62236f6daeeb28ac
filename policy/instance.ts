/**
 * The hosts of a GitLab instance as a binding names them. Not the WHATWG URL parser: it reads `010.0.0.1`
 * as 8.0.0.1 and hides what was written.
 */
import { parseAddress, type Refusal } from './cidr.ts';
import { parseName } from './names.ts';
import type { NamePattern } from './types.ts';

/** A name without wildcard, or an IPv4 address. */
export type Host = { readonly name: NamePattern } | { readonly address: number };

export interface Endpoint {
  readonly host: Host;
  readonly port: number;
}

const URL_HINT = 'Write it like https://gitlab.example.com or https://gitlab.example.com:8443.';
const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** @example parseInstanceUrl('https://gitlab.example.com/ci') has port 443 */
export function parseInstanceUrl(text: string): Endpoint | Refusal {
  const parts = /^(https?):\/\/([^/?#\s]+)(?:\/[^?#\s]*)?$/.exec(text);
  if (parts === null) return { message: 'is not an http or https address', hint: URL_HINT };
  const [, scheme = '', authority = ''] = parts;
  if (authority.includes('@')) {
    return { message: 'holds a user name', hint: 'Remove what stands before the @.' };
  }
  const endpoint = parseEndpoint(authority, defaultPorts[scheme] ?? 443);
  return endpoint;
}

/** Parses `host` or `host:port`. */
export function parseEndpoint(text: string, defaultPort: number): Endpoint | Refusal {
  const parts = /^([^:]*)(?::([0-9]{1,5}))?$/.exec(text);
  if (parts === null) {
    return {
      message: 'is not a host, or a host and a port',
      hint: 'IPv6 is denied in this version.',
    };
  }
  const [, hostText = '', portText] = parts;
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port < 1 || port > 65535) {
    return { message: `has the port ${portText ?? ''}`, hint: 'A port is 1 to 65535.' };
  }
  const host = parseHost(hostText);
  return 'message' in host ? host : { host, port };
}

export function parseHost(text: string): Host | Refusal {
  if (/^[0-9.]+$/.test(text)) {
    const address = parseAddress(text);
    return typeof address === 'number' ? { address } : address;
  }
  const name = parseName(text);
  if ('message' in name) return name;
  return name.wildcard === 'none'
    ? { name }
    : { message: 'holds a wildcard', hint: 'Name each host of the instance.' };
}
