/**
 * A real npm registry (verdaccio) with a storage of its own and no upstream, over plain HTTP, and
 * real npm to publish to it.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { errors } from '../errors.ts';
import type { Lab } from '../lab.ts';
import { type Server, startServer } from './start.ts';

export const REGISTRY_NAME = 'registry.demo.test';
export const REGISTRY_PORT = 4873;

export interface Registry extends Server {
  readonly address: string;
  /** `http://registry.demo.test:4873/`: the lab's DNS has to know the name. */
  readonly url: string;
  /**
   * What npm needs in its environment to use this registry and nothing of the machine's own
   * configuration: HOME, cache, user and global npmrc are in the lab's folder.
   */
  readonly npmEnv: Readonly<Record<string, string>>;
  /** Runs `npm publish` on a package folder, from the lab's `host`. */
  publish(folder: string): Promise<void>;
}

export async function startRegistry(lab: Lab, address: string): Promise<Registry> {
  const listen = lab.addAddress(address);
  const home = join(lab.folder, 'registry');
  mkdirSync(home, { recursive: true });
  const configFile = join(home, 'config.yaml');
  writeFileSync(configFile, config(home));
  const listenUrl = `http://${listen}:${REGISTRY_PORT}`;
  const server = await startServer(lab, {
    name: 'verdaccio',
    command: process.execPath,
    args: [verdaccio(), '--config', configFile, '--listen', listenUrl],
    // Its links must name the host by which npm came, whatever address it listens on.
    env: { VERDACCIO_PUBLIC_URL: url(), NODE_ENV: 'production' },
    ready: (output) => output.includes('http address'),
  });
  const npmEnv = npmEnvironment(lab);
  return { ...server, address: listen, url: url(), npmEnv, publish };

  async function publish(folder: string): Promise<void> {
    const args = ['publish', '--ignore-scripts', folder];
    const done = await lab.run('host', 'npm', args, { cwd: lab.folder, env: npmEnv });
    if (done.code === 0) return;
    throw failure(errors.command, { command: `npm publish ${folder}`, reason: done.stderr.trim() });
  }
}

function url(): string {
  return `http://${REGISTRY_NAME}:${REGISTRY_PORT}/`;
}

function verdaccio(): string {
  return join(import.meta.dirname, '../../../node_modules/verdaccio/bin/verdaccio');
}

/** JSON is YAML: nothing has to be quoted by hand. */
function config(home: string): string {
  return JSON.stringify({
    storage: join(home, 'storage'),
    web: { enable: false },
    auth: { htpasswd: { file: join(home, 'htpasswd'), max_users: 1 } },
    uplinks: {},
    packages: { '**': { access: '$all', publish: '$all' } },
    log: { type: 'stdout', format: 'json', level: 'http' },
  });
}

function npmEnvironment(lab: Lab): Record<string, string> {
  const home = join(lab.folder, 'npm-home');
  mkdirSync(home, { recursive: true });
  const npmrc = join(home, '.npmrc');
  writeFileSync(npmrc, `registry=${url()}\n`);
  // npm refuses to publish without a token; this registry lets everybody publish.
  appendFileSync(npmrc, `//${REGISTRY_NAME}:${REGISTRY_PORT}/:_authToken=nobody\n`);
  return {
    HOME: home,
    npm_config_userconfig: npmrc,
    npm_config_globalconfig: join(home, 'no-global-npmrc'),
    npm_config_cache: join(home, 'cache'),
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_fetch_retries: '0',
  };
}
