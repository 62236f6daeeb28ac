/** The world of the replays: every name and address of the incidents in one lab, and jobs in it. */
import { stageIn } from '../e2e/stage.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import type { Dnsmasq, DnsRecord } from '../lab/servers/dnsmasq.ts';
import type { Registry } from '../lab/servers/registry.ts';
import type { Sink } from '../lab/servers/sink.ts';
import type { SinkListener } from '../lab/servers/sink-process.ts';
import type { Incident } from './incident.ts';
import { type JobDone, type JobOrder, pythonFolder, runJob } from './job.ts';
import { NPM_ADDRESS, type Place, shared } from './places.ts';
import { hosts } from './policies.ts';
import { preparePackages } from './publish.ts';

const [INDEX, FILES] = ['151.101.0.223', '151.101.64.223'];
const packageRecords: readonly AddressRecord[] = [
  { name: hosts.npm, address: NPM_ADDRESS },
  { name: hosts.pypi, address: INDEX },
  { name: hosts.pypiFiles, address: FILES },
];

export interface World {
  readonly lab: Lab;
  readonly dns: Dnsmasq;
  readonly sink: Sink;
  readonly registry: Registry;
  /** Addresses of the lab's internet by name, for what must not get a packet. */
  readonly addressOf: ReadonlyMap<string, string>;
  /** The folder of python3. */
  readonly python: string;
  /** Runs a job's script, held by a policy or, as the control, by nothing. */
  job(order: JobOrder): Promise<JobDone>;
}

/** @throws what the lab throws; then nothing is left */
export async function createWorld(
  label: string,
  incidents: readonly Incident[],
  more: readonly Place[] = [],
): Promise<World> {
  const lab = createLab({ name: label });
  try {
    return await furnish(lab, incidents, more);
  } catch (error) {
    lab.close();
    throw error;
  }
}

async function furnish(
  lab: Lab,
  incidents: readonly Incident[],
  more: readonly Place[],
): Promise<World> {
  const places = [...shared, ...more, ...incidents.flatMap((incident) => incident.places)];
  const { listeners, records: others } = layOut(places);
  const records = [...others, ...packageRecords];
  const names = [...records.map(({ name }) => name), ...listeners.map(({ address }) => address)];
  const tls = lab.certificate([...new Set(names)]);
  const archives = preparePackages(lab, incidents);
  const [registry, dns, sink] = await Promise.all([
    lab.registry({ address: NPM_ADDRESS, https: { ...tls, name: hosts.npm } }),
    lab.dnsmasq(records),
    lab.sink([
      ...listeners.map((one) => (one.kind === 'https' ? { ...one, tls } : one)),
      { kind: 'https', address: INDEX, port: 443, tls, replies: archives.index },
      { kind: 'https', address: FILES, port: 443, tls, replies: archives.files },
    ]),
  ]);
  if (archives.workspaces !== undefined) await registry.publish(archives.workspaces, true);
  const addressOf = new Map(records.map(({ name, address }) => [name, address]));
  const stage = stageIn(lab);
  const python = pythonFolder();
  const world = { lab, dns, sink, registry, addressOf, python };
  return { ...world, job: (order) => runJob(world, stage, order) };
}

type AddressRecord = Extract<DnsRecord, { address: string }>;

/** Gives every place an address, and every address and port one listener. */
function layOut(places: readonly Place[]): {
  listeners: SinkListener[];
  records: AddressRecord[];
} {
  const addresses = new Map<string, string>();
  const listeners = new Map<string, SinkListener>();
  for (const { name, address: known, port = 443, kind = 'https', replies } of places) {
    const address = known ?? addresses.get(name ?? '') ?? `198.51.100.${addresses.size + 1}`;
    if (name !== undefined) addresses.set(name, address);
    const key = `${address}:${port}/${kind === 'udp' ? 'udp' : 'tcp'}`;
    const before = listeners.get(key);
    listeners.set(key, { kind, address, port, replies: { ...before?.replies, ...replies } });
  }
  const records = [...addresses].map(([name, address]) => ({ name, address }));
  return { listeners: [...listeners.values()], records };
}
