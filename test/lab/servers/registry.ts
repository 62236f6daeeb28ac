/**
 * A real npm registry (verdaccio) with a storage of its own and no upstream, over plain HTTP
 * unless told, and real npm to publish to it.
 */
import { appendFileSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';
import type { Lab } from '../lab.ts';
import type { Certificate } from './certificate.ts';
import { type Server, startServer } from './start.ts';

export const REGISTRY_NAME = 'registry.demo.test';
export const REGISTRY_PORT = 4873;

export interface RegistryOptions {
  readonly address?: string;
  /** Serves HTTPS on port 443 under this name, as the public registry does. */
  readonly https?: Certificate & { readonly name: string };
}

export interface Registry extends Server {
  readonly address: string;
  /** `http://registry.demo.test:4873/` unless told: the lab's DNS has to know the name. */
  readonly url: string;
  /**
   * What npm needs in its environment to use this registry and nothing of the machine's own
   * configuration: HOME, cache, user and global npmrc are in the lab's folder.
   */
  readonly npmEnv: Readonly<Record<string, string>>;
  /**
   * Runs `npm publish` on a package folder, or on all of a folder's workspaces at once, from the lab's
   * `host`.
   */
  publish(folder: string, workspaces?: boolean): Promise<void>;
  /** Has somebody published a package of this name? */
  has(name: string): boolean;
}

export async function startRegistry(lab: Lab, options: RegistryOptions): Promise<Registry> {
  const { https } = options;
  const listen = lab.addAddress(options.address ?? '192.0.2.10');
  const [scheme, port] = https === undefined ? ['http', REGISTRY_PORT] : ['https', 443];
  const host = https === undefined ? `${REGISTRY_NAME}:${REGISTRY_PORT}` : https.name;
  const url = `${scheme}://${host}/`;
  const home = join(lab.folder, 'registry');
  mkdirSync(home, { recursive: true });
  const configFile = join(home, 'config.yaml');
  writeFileSync(configFile, config(home, https));
  const server = await startServer(lab, {
    name: 'verdaccio',
    command: process.execPath,
    args: [verdaccio(), '--config', configFile, '--listen', `${scheme}://${listen}:${port}`],
    // Its links must name the host by which npm came, whatever address it listens on.
    env: { VERDACCIO_PUBLIC_URL: url, NODE_ENV: 'production' },
    ready: (output) => output.includes('http address'),
  });
  const npmEnv = npmEnvironment(lab, url, https?.cert);
  const has = (name: string): boolean => existsSync(join(home, 'storage', name, 'package.json'));
  return { ...server, address: listen, url, npmEnv, publish, has };

  async function publish(folder: string, workspaces = false): Promise<void> {
    const args = ['publish', '--ignore-scripts', ...(workspaces ? ['--workspaces'] : [folder])];
    const cwd = workspaces ? folder : lab.folder;
    const done = await lab.run('host', 'npm', args, { cwd, env: npmEnv });
    if (done.code === 0) return;
    throw failure(errors.command, { command: `npm publish ${folder}`, reason: done.stderr.trim() });
  }
}

function verdaccio(): string {
  return join(import.meta.dirname, '../../../node_modules/verdaccio/bin/verdaccio');
}

/** JSON is YAML: nothing has to be quoted by hand. */
function config(home: string, https?: Certificate): string {
  return JSON.stringify({
    ...(https === undefined ? {} : { https: { key: https.key, cert: https.cert } }),
    storage: join(home, 'storage'),
    web: { enable: false },
    auth: { htpasswd: { file: join(home, 'htpasswd'), max_users: 1 } },
    uplinks: {},
    packages: { '**': { access: '$all', publish: '$all' } },
    log: { type: 'stdout', format: 'json', level: 'http' },
  });
}

function npmEnvironment(lab: Lab, url: string, cert?: string): Record<string, string> {
  const home = join(lab.folder, 'npm-home');
  mkdirSync(home, { recursive: true });
  const npmrc = join(home, '.npmrc');
  writeFileSync(npmrc, `registry=${url}\n`);
  // npm refuses to publish without a token; this registry lets everybody publish.
  appendFileSync(npmrc, `${url.replace(/^https?:/, '')}:_authToken=nobody\n`);
  const ca = join(home, 'ca.pem');
  if (cert !== undefined) copyFileSync(cert, ca);
  const authority: Record<string, string> = cert === undefined ? {} : { npm_config_cafile: ca };
  return {
    HOME: home,
    ...authority,
    npm_config_userconfig: npmrc,
    npm_config_globalconfig: join(home, 'no-global-npmrc'),
    npm_config_cache: join(home, 'cache'),
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_fetch_retries: '0',
  };
}
