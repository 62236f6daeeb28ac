/**
 * A small isolated world on one Linux host: a namespace that plays the machine on which torwacht
 * runs, one that plays the internet, real servers in it, and a count of every packet that arrived.
 *
 * @example
 * const lab = createLab();
 * t.after(() => lab.close());
 * await lab.dnsmasq([{ name: 'good.example.test', address: '192.0.2.10' }]);
 * const { stdout } = await lab.run('host', 'dig', ['+short', 'good.example.test']);
 */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { DNS_ADDRESS } from './addresses.ts';
import { writeResolverFiles } from './enter.ts';
import { errors } from './errors.ts';
import { labName } from './names.ts';
import {
  addAddress,
  createNamespaces,
  deleteNamespace,
  namespaceName,
  removeAddress,
  type Side,
} from './namespaces.ts';
import { type Arrival, arrivals, arrivedSince, countPackets, packetsTo } from './packets.ts';
import { createNested, createPod, type Pod } from './pods.ts';
import { type Ended, LabProcesses, type RunInLab, type SpawnInLab } from './processes.ts';
import { type Certificate, makeCertificate } from './servers/certificate.ts';
import { type Dnsmasq, type DnsRecord, startDnsmasq } from './servers/dnsmasq.ts';
import { startMetadata } from './servers/metadata.ts';
import { type Registry, type RegistryOptions, startRegistry } from './servers/registry.ts';
import { type ScriptedDns, startScriptedDns } from './servers/scripted-dns.ts';
import type { DnsScript } from './servers/scripted-dns-process.ts';
import { type Sink, startLocalSink, startSink } from './servers/sink.ts';
import type { SinkListener } from './servers/sink-process.ts';
import { withSharedMounts } from './shared-mounts.ts';
import { closeAtExit, removeLab } from './teardown.ts';

export interface LabOptions {
  /** A word that shows up in the names, for people who look; lower-case letters and digits. */
  readonly name?: string;
  /** Addresses of the internet's side, besides those that servers listen on. */
  readonly addresses?: readonly string[];
}

export interface Lab {
  readonly id: string;
  /** A private temporary folder, gone after `close`. */
  readonly folder: string;
  /** What /etc/resolv.conf names inside; nobody answers there until a DNS server is started. */
  readonly dnsAddress: string;
  /** The name of a namespace as `ip netns` shows it. */
  namespace(side: Side): string;
  addAddress(address: string): string;
  /** One more namespace, which plays a pod of the machine's. */
  pod(): Pod;
  /** A namespace behind a pod's, as a container engine in it makes them. */
  nested(pod: Pod): Pod;
  /** Starts a program inside; stdio is `ignore, pipe, pipe` unless told. */
  spawn(side: Side, command: string, args?: readonly string[], options?: SpawnInLab): ChildProcess;
  /** The same, run to its end. */
  run(side: Side, command: string, args?: readonly string[], options?: RunInLab): Promise<Ended>;
  dnsmasq(records: readonly DnsRecord[], address?: string): Promise<Dnsmasq>;
  scriptedDns(script: DnsScript): Promise<ScriptedDns>;
  sink(listeners: readonly SinkListener[]): Promise<Sink>;
  /** A sink on the machine's side, for instance on loopback. */
  localSink(listeners: readonly SinkListener[]): Promise<Sink>;
  /** Cloud metadata at 169.254.169.254:80, which gives credentials to whoever asks. */
  metadata(): Promise<Sink>;
  /** A real npm registry; publish with `registry.publish(folder)`. */
  registry(options?: RegistryOptions): Promise<Registry>;
  /** A certificate for these names and addresses, for servers, and to be trusted by clients. */
  certificate(names: readonly string[]): Certificate;
  /** Packets that reached the internet's side for this address, or for one port of it. */
  packetsTo(address: string, port?: number): number;
  arrivals(): Arrival[];
  /** Ends all processes, removes all that was made. Idempotent; also called when the program ends. */
  close(): void;
}

/** @throws TW_LAB_NOT_ROOT, TW_LAB_COMMAND, TW_LAB_ADDRESS; what was made by then is removed */
export function createLab(options: LabOptions = {}): Lab {
  if (process.getuid?.() !== 0) throw failure(errors.notRoot);
  const { id } = labName(process.pid, randomBytes(4).toString('hex'), options.name);
  const folder = mkdtempSync(join(tmpdir(), `${id}-`));
  const lab = open({
    id,
    folder,
    before: [],
    added: () => undefined,
    release: () => removeLab(id, folder),
  });
  try {
    writeResolverFiles(folder);
    withSharedMounts(id, () => createNamespaces(id));
    countPackets(id);
    for (const address of [DNS_ADDRESS, ...(options.addresses ?? [])]) lab.addAddress(address);
  } catch (error) {
    lab.close();
    throw error;
  }
  return lab;
}

/**
 * The same hands on namespaces that somebody else has made and will remove (../cluster). Packets count
 * from now on; closing ends what was started through it and takes back what it added.
 */
export function attachLab(id: string): Lab {
  const own = labName(process.pid, randomBytes(4).toString('hex')).id;
  const folder = mkdtempSync(join(tmpdir(), `${own}-`));
  const added = new Set<string>();
  const lab = open({
    id,
    folder,
    before: arrivals(id),
    added: (address) => added.add(address),
    release: (inner) => {
      for (const { side } of inner) deleteNamespace(namespaceName(id, side));
      for (const address of added) removeAddress(id, address);
      rmSync(folder, { recursive: true, force: true });
    },
  });
  writeResolverFiles(folder);
  return lab;
}

interface World {
  readonly id: string;
  readonly folder: string;
  /** What had arrived before this lab was there. */
  readonly before: readonly Arrival[];
  readonly added: (address: string) => void;
  /** Called once, after the lab's processes have ended. */
  readonly release: (inner: readonly Pod[]) => void;
}

function open({ id, folder, before, added, release }: World): Lab {
  const processes = new LabProcesses(id, folder);
  const inner: Pod[] = [];
  let number = 0;
  const keep = (pod: Pod): Pod => {
    inner.push(pod);
    return pod;
  };
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    processes.killAll();
    release(inner);
    forget();
  };
  const forget = closeAtExit(close);
  const arrived = (): Arrival[] => arrivedSince(before, arrivals(id));
  const lab: Lab = {
    id,
    folder,
    dnsAddress: DNS_ADDRESS,
    namespace: (side) => namespaceName(id, side),
    addAddress: (address) => {
      const canonical = addAddress(id, address);
      added(canonical);
      return canonical;
    },
    pod: () => keep(createPod(id, ++number)),
    nested: (pod) => keep(createNested(id, pod, ++number)),
    spawn: (side, command, args = [], opts = {}) => processes.spawn(side, command, args, opts),
    run: (side, command, args = [], opts = {}) => processes.run(side, command, args, opts),
    dnsmasq: (records, address = DNS_ADDRESS) => startDnsmasq(lab, records, address),
    scriptedDns: (script) => startScriptedDns(lab, script),
    sink: (listeners) => startSink(lab, listeners),
    localSink: (listeners) => startLocalSink(lab, listeners),
    metadata: () => startMetadata(lab),
    registry: (opts = {}) => startRegistry(lab, opts),
    certificate: (names) => makeCertificate(lab, names),
    packetsTo: (address, port) => packetsTo(arrived(), address, port),
    arrivals: arrived,
    close,
  };
  return lab;
}
