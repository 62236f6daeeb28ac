/** One job in the world of the replays: a fresh project, a script, held by a policy or by nothing. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EgressEvent } from '#api/event.ts';
import { eventsOf } from '../e2e/rows.ts';
import type { PolicySpec, Stage } from '../e2e/stage.ts';
import { PATH } from '../lab/execute.ts';
import type { Lab } from '../lab/lab.ts';
import type { Received } from '../lab/servers/sink-process.ts';
import type { Incident } from './incident.ts';
import { KUBERNETES, packageHosts } from './places.ts';
import { allowScripts, folderOf, PRELUDE, payloads } from './publish.ts';
import { fakeSecrets } from './secrets.ts';
import type { World } from './world.ts';

const root = join(import.meta.dirname, '../..');

export interface JobOrder {
  /** In the names of its secrets, its folder and its worm: lower-case letters and digits. */
  readonly tag: string;
  readonly script: string;
  /** Undefined: enforcement is off. */
  readonly policy: PolicySpec | undefined;
  readonly incident?: Incident;
  /** The tag in its secrets, if it is another. */
  readonly secretsOf?: string;
  /** Requests to wait for: raw bytes may be written down after their sender has ended. */
  readonly awaited?: number;
  /** In place of `sh -e` with the script. */
  readonly command?: readonly string[];
}

export interface JobDone {
  readonly code: number | string | null;
  readonly log: string;
  readonly folder: string;
  readonly events: readonly EgressEvent[];
  /** Requests that came meanwhile, without those for packages. */
  readonly requests: readonly Received[];
  /** What the upstream DNS server was asked meanwhile. */
  readonly asked: readonly string[];
  /** Addresses that got their first packet of this world meanwhile. */
  readonly touched: readonly string[];
}

/** Runs it, and gathers what came of it. */
export async function runJob(
  world: Omit<World, 'job'>,
  stage: Stage,
  order: JobOrder,
): Promise<JobDone> {
  const { lab, sink, dns } = world;
  const { tag, policy, awaited = 0, secretsOf = tag, command = ['sh', '-e', '.job.sh'] } = order;
  const folder = project(lab, order);
  const env = { ...environment(world, folder, tag), ...fakeSecrets(secretsOf) };
  const [sent, asked] = [sink.log().length, dns.queries().length];
  const known = touched(lab);
  const output = join(lab.folder, `${tag}-events.json`);
  const at = { env, cwd: folder };
  const done =
    policy === undefined
      ? await lab.run('host', command[0] ?? '', command.slice(1), at)
      : await stage.run({
          policy,
          flags: ['--project', '4711', '--job', tag, '--output', output],
          ...{ command, ...at },
        });
  const requests = () => sink.log().slice(sent).filter(isWanted);
  for (let step = 0; step < 500 && requests().length < awaited; step++) await sleep(10);
  return {
    ...{ code: done.code, log: `${done.stdout}${done.stderr}`, folder },
    events: policy === undefined ? [] : lastOfEach(eventsOf(readFileSync(output, 'utf8'))),
    requests: requests(),
    asked: dns
      .queries()
      .slice(asked)
      .map(({ name }) => name.toLowerCase()),
    touched: [...touched(lab)].filter((address) => !known.has(address)),
  };
}

function isWanted({ event, headers }: Received): boolean {
  return event !== 'connection' && !packageHosts.has(String(headers?.host));
}

/** A fresh project: its manifest, the job's script, and the files of an action that it uses. */
function project(lab: Lab, { tag, script, incident }: JobOrder): string {
  const folder = join(lab.folder, 'jobs', tag);
  mkdirSync(folder, { recursive: true });
  const scripts = incident === undefined ? {} : { allowScripts: allowScripts(incident) };
  const manifest = { name: 'victim', version: '1.0.0', private: true, ...scripts };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, '.job.sh'), `${PRELUDE}${script}\n`);
  cpSync(join(payloads, 'wire.js'), join(folder, 'wire.js'));
  if (incident !== undefined)
    cpSync(folderOf(incident), join(folder, '.incident'), { recursive: true });
  return folder;
}

function environment(
  world: Pick<World, 'registry' | 'python'>,
  folder: string,
  tag: string,
): Record<string, string> {
  const { registry } = world;
  const { npm_config_cafile: ca = '' } = registry.npmEnv;
  return {
    ...registry.npmEnv,
    // Its own, so that what the control got is fetched anew.
    npm_config_cache: join(folder, '.npm'),
    npm_config_nodedir: join(root, `node_modules/node-linux-${process.arch}`),
    ...{ NODE_EXTRA_CA_CERTS: ca, SSL_CERT_FILE: ca, CURL_CA_BUNDLE: ca, GIT_SSL_CAINFO: ca },
    PATH: `${world.python}:${PATH}`,
    ...{ CI: 'true', NPM_REGISTRY: registry.url, KUBERNETES_SERVICE_HOST: KUBERNETES },
    ...{ INCIDENT: join(folder, '.incident'), BUN_INSTALL: join(folder, '.bun') },
    ...{
      PYTHONUSERBASE: join(folder, '.local'),
      REPLAY_WORM: wormOf(tag),
      WIRE: join(folder, 'wire.js'),
    },
  };
}

/** The name under which a worm would publish its copy. */
export function wormOf(tag: string): string {
  return `worm-${tag}`;
}

/** Every address that got a packet since the lab was made, but for neighbour discovery. */
function touched(lab: Lab): Set<string> {
  const addresses = lab.arrivals().map(({ address }) => address);
  return new Set(addresses.filter((address) => !address.startsWith('ff')));
}

/** A later event of a row replaces the earlier one. */
function lastOfEach(events: readonly EgressEvent[]): EgressEvent[] {
  const rows = new Map<string, EgressEvent>();
  for (const event of events) {
    const { pid, domain, ip, port, protocol, reason, time } = event;
    rows.set(JSON.stringify([pid, domain, ip, port, protocol, reason, time]), event);
  }
  return [...rows.values()];
}

/** Where the interpreter itself is: a version manager's stand-in needs the user's own HOME. */
export function pythonFolder(): string {
  const ask = ['-c', 'import sys; print(sys.executable)'];
  return dirname(execFileSync('python3', ask, { encoding: 'utf8' }).trim());
}
