/** A DNS server that misbehaves as its script says; for what an honest server would never send. */
import type { Lab } from '../lab.ts';
import type { DnsAsked, DnsScript } from './scripted-dns-process.ts';
import { freePath, readLines, type Server, startOwnServer } from './start.ts';

export interface ScriptedDns extends Server {
  readonly address: string;
  /** Every message that arrived, in order. */
  asked(): DnsAsked[];
}

export async function startScriptedDns(lab: Lab, script: DnsScript): Promise<ScriptedDns> {
  const log = freePath(lab, 'scripted-dns.log');
  const address = lab.addAddress(script.address ?? lab.dnsAddress);
  const config = { ...script, address, log };
  const server = await startOwnServer(lab, 'scripted-dns', config);
  return { ...server, address, asked: () => readLines<DnsAsked>(log) };
}
