/**
 * A destination as people write it: a name, an address, either with a port, or a URL. Strict where two
 * programs could read it differently, and telling what is ignored.
 */
import { formatAddress, parseAddress, type Refusal } from './cidr.ts';
import { formatName, parseName } from './names.ts';
import { protocols } from './types.ts';

/** What can be asked about. ICMP can: `ping` is what people try first. */
export const destinationProtocols = { tcp: protocols.TCP, udp: protocols.UDP, icmp: 1 } as const;
export type DestinationProtocol = keyof typeof destinationProtocols;

export type DestinationHost =
  | { readonly name: readonly string[] }
  /** Unsigned, host order. */
  | { readonly address: number }
  | { readonly ipv6: string };

export interface Destination {
  readonly host: DestinationHost;
  readonly protocol: DestinationProtocol;
  /** 0 for ICMP. */
  readonly port: number;
  /** Sentences about what was read into it, or ignored. */
  readonly notes: readonly string[];
}

const HINT = 'Write a name, an address, either with a port (example.com:8000), or a URL.';

/** Ports of schemes; `tcp` and `udp` name the protocol alone. */
const schemes: Readonly<Record<string, { readonly port?: number; readonly protocol?: 'udp' }>> = {
  http: { port: 80 },
  https: { port: 443 },
  ws: { port: 80 },
  wss: { port: 443 },
  ssh: { port: 22 },
  git: { port: 9418 },
  ftp: { port: 21 },
  tcp: {},
  udp: { protocol: 'udp' },
};

/** @param protocol as a flag gave it; it must not contradict the scheme */
export function parseDestination(
  text: string,
  protocol?: DestinationProtocol,
): Destination | Refusal {
  if (text.length > 2048) return { message: `is ${text.length} characters long`, hint: HINT };
  const url = splitUrl(text);
  if ('message' in url) return url;
  if (url.protocol !== undefined && protocol !== undefined && url.protocol !== protocol) {
    return {
      message: `says ${url.protocol}, and --protocol ${protocol}`,
      hint: 'Say one of them.',
    };
  }
  const parts = splitPort(url.authority);
  if ('message' in parts) return parts;
  const host = parseDestinationHost(parts.host);
  if ('message' in host) return host;
  return withPort(host, parts.port ?? url.port, protocol ?? url.protocol ?? 'tcp', url.notes);
}

function withPort(
  host: DestinationHost,
  port: number | undefined,
  protocol: DestinationProtocol,
  notes: readonly string[],
): Destination | Refusal {
  if (protocol === 'icmp') {
    if (port === undefined) return { host, protocol, port: 0, notes };
    return { message: 'has a port, which ICMP has not', hint: 'Leave out the port.' };
  }
  if (port !== undefined) return { host, protocol, port, notes };
  const assumed = `No port was given: 443/${protocol.toUpperCase()} is meant.`;
  return { host, protocol, port: 443, notes: [...notes, assumed] };
}

interface UrlParts {
  readonly authority: string;
  readonly port?: number | undefined;
  readonly protocol?: 'udp' | 'tcp' | undefined;
  readonly notes: readonly string[];
}

function splitUrl(text: string): UrlParts | Refusal {
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(.*)$/s.exec(text);
  if (parts === null) return { authority: text, notes: [] };
  const [, written = '', authority = '', rest = ''] = parts;
  const name = written.toLowerCase();
  const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  if (scheme === undefined) {
    const known = Object.keys(schemes).join(', ');
    return { message: `has a scheme that is not known (known: ${known})`, hint: HINT };
  }
  const at = authority.lastIndexOf('@');
  const notes = [
    ...(at < 0 ? [] : ['What stands before the @ does not count: rules are about where.']),
    ...(rest === '' || rest === '/' ? [] : ['The path does not count: rules are about where.']),
  ];
  const protocol = name === 'tcp' ? 'tcp' : (scheme.protocol ?? (scheme.port && 'tcp'));
  return {
    authority: authority.slice(at + 1),
    port: scheme.port,
    protocol: protocol || undefined,
    notes,
  };
}

interface HostAndPort {
  readonly host: string;
  readonly port?: number;
}

function splitPort(text: string): HostAndPort | Refusal {
  // An IPv6 address has colons of its own, and a port behind brackets only.
  if (/^[0-9a-f:.]+$/i.test(text) && text.split(':').length > 2) return { host: text };
  const parts = /^(\[[^[\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(text);
  if (parts === null) return { message: 'is not a host, or a host and a port', hint: HINT };
  const [, bracketed = '', digits] = parts;
  const host = bracketed.startsWith('[') ? bracketed.slice(1, -1) : bracketed;
  if (digits === undefined) return { host };
  const port = Number(digits);
  if (port >= 1 && port <= 65535) return { host, port };
  return { message: `has the port ${digits}`, hint: 'A port is 1 to 65535.' };
}

function parseDestinationHost(text: string): DestinationHost | Refusal {
  if (text.includes(':')) return parseIpv6(text);
  if (/^[0-9.]+$/.test(text)) {
    const address = parseAddress(text);
    return typeof address === 'number' ? { address } : address;
  }
  const name = parseName(text);
  if ('message' in name) return name;
  if (name.wildcard === 'none') return { name: name.labels };
  return { message: 'is a pattern', hint: 'Ask for one name: rules are compared with that.' };
}

/** IPv4 in IPv6 is IPv4, as for the kernel's hooks. Others are all denied alike, so their form is enough. */
function parseIpv6(text: string): DestinationHost | Refusal {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(text)?.[1];
  if (mapped !== undefined) return parseDestinationHost(mapped);
  if (/^[0-9a-f:.]{2,45}$/i.test(text)) return { ipv6: text.toLowerCase() };
  return { message: 'is not a host, or a host and a port', hint: HINT };
}

/** @example hostText({ address: 0xc0000201 }) === '192.0.2.1' */
export function hostText(host: DestinationHost): string {
  if ('name' in host) return formatName({ labels: host.name, wildcard: 'none' });
  return 'address' in host ? formatAddress(host.address) : host.ipv6;
}

/** @example '443/TCP', 'ICMP' */
export function portText({ port, protocol }: Pick<Destination, 'port' | 'protocol'>): string {
  return protocol === 'icmp' ? 'ICMP' : `${port}/${protocol.toUpperCase()}`;
}
