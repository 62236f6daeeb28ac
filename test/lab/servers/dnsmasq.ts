/** A real dnsmasq that knows the given names and nothing else, and tells what it was asked. */
import { readFileSync } from 'node:fs';
import type { Lab } from '../lab.ts';
import { freePath, type Server, startServer } from './start.ts';

export type DnsRecord =
  | {
      readonly name: string;
      /** IPv4 or IPv6; several records of one name make several addresses. */
      readonly address: string;
      /** Seconds; 60 unless told. */
      readonly ttl?: number;
    }
  | {
      readonly name: string;
      /** Must be the name of another record. */
      readonly cname: string;
      readonly ttl?: number;
    };

export interface DnsQuery {
  /** `A`, `AAAA`, `TXT`, … as dnsmasq writes it. */
  readonly type: string;
  /** In the case in which it was asked. */
  readonly name: string;
  readonly from: string;
}

export interface Dnsmasq extends Server {
  readonly address: string;
  /** Every query that arrived, in order, answered or not. */
  queries(): DnsQuery[];
}

/** Names without a record are NXDOMAIN. Listens on UDP and TCP port 53. */
export async function startDnsmasq(
  lab: Lab,
  records: readonly DnsRecord[],
  address: string,
): Promise<Dnsmasq> {
  const listen = lab.addAddress(address);
  const log = freePath(lab, 'dnsmasq.log');
  const server = await startServer(lab, {
    name: 'dnsmasq',
    command: 'dnsmasq',
    args: [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--pid-file=',
      // It would drop to a user that cannot write to the lab's folder.
      '--user=root',
      '--group=root',
      '--no-resolv',
      '--no-hosts',
      '--no-poll',
      '--bind-interfaces',
      `--listen-address=${listen}`,
      '--local=/#/',
      '--log-queries',
      `--log-facility=${log}`,
      ...records.map(option),
    ],
    ready: () => readFileSync(log, 'utf8').includes('started, version'),
  });
  return { ...server, address: listen, queries: () => parseQueries(readFileSync(log, 'utf8')) };
}

function option(record: DnsRecord): string {
  const ttl = record.ttl ?? 60;
  if ('cname' in record) return `--cname=${record.name},${record.cname},${ttl}`;
  return `--host-record=${record.name},${record.address},${ttl}`;
}

/** Lines such as `Nov 22 05:00:00 dnsmasq[7]: query[A] a.example.test from 203.0.113.254`. */
function parseQueries(log: string): DnsQuery[] {
  const found: DnsQuery[] = [];
  for (const [, type, name, from] of log.matchAll(/: query\[(\S+)\] (\S+) from (\S+)$/gm)) {
    if (type !== undefined && name !== undefined && from !== undefined) {
      found.push({ type, name, from });
    }
  }
  return found;
}
