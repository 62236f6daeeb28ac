/** The demo's world: a registry with a poisoned package, its author's server, and a victim. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { errors } from '../lab/errors.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import type { Dnsmasq } from '../lab/servers/dnsmasq.ts';
import { REGISTRY_NAME } from '../lab/servers/registry.ts';
import type { Sink } from '../lab/servers/sink.ts';

/** The axios incident of 2026-03-31. */
export const thief = { name: 'sfrclak.com', address: '142.11.206.73', port: 8000 } as const;

const REGISTRY = '192.0.2.10';

/** Demo values; what a real job has in its environment. */
export const secrets = {
  CI_JOB_TOKEN: 'glcbt-demo-4711-not-a-real-token',
  NPM_TOKEN: 'npm-demo-not-a-real-token',
} as const;

export interface World {
  readonly lab: Lab;
  readonly dns: Dnsmasq;
  readonly exfiltration: Sink;
  readonly metadata: Sink;
  /** A fresh copy of the victim's project, with nothing installed. */
  project(): string;
  packetsToRegistry(): number;
  /** The environment of the job. */
  readonly env: Readonly<Record<string, string>>;
}

/** @throws what the lab throws; then nothing is left */
export async function createWorld(): Promise<World> {
  const lab = createLab({ name: 'demo' });
  try {
    return await furnish(lab);
  } catch (error) {
    lab.close();
    throw error;
  }
}

async function furnish(lab: Lab): Promise<World> {
  const [registry, dns, exfiltration, metadata] = await Promise.all([
    lab.registry({ address: REGISTRY }),
    lab.dnsmasq([
      { name: REGISTRY_NAME, address: REGISTRY },
      { name: thief.name, address: thief.address },
    ]),
    lab.sink([{ kind: 'http', address: thief.address, port: thief.port }]),
    lab.metadata(),
  ]);
  await registry.publish(join(import.meta.dirname, 'poisoned-package'));
  const prepared = join(lab.folder, 'prepared');
  cpSync(join(import.meta.dirname, 'project'), prepared, { recursive: true });
  // The lockfile holds the digest of what was published a moment ago.
  const lock = ['install', '--package-lock-only', '--ignore-scripts'];
  const done = await lab.run('host', 'npm', lock, { cwd: prepared, env: registry.npmEnv });
  if (done.code !== 0) {
    throw failure(errors.command, { command: `npm ${lock.join(' ')}`, reason: done.stderr.trim() });
  }
  let copies = 0;
  const project = (): string => {
    const folder = join(lab.folder, `project-${++copies}`);
    cpSync(prepared, folder, { recursive: true });
    return folder;
  };
  const env = { ...registry.npmEnv, ...secrets, CI: 'true' };
  const packetsToRegistry = () => lab.packetsTo(REGISTRY);
  return { lab, dns, exfiltration, metadata, project, packetsToRegistry, env };
}
