/** kubeconfig files, read as kubectl reads them. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { type Clock, systemClock } from '../clock.ts';
import { KubeError } from '../errors.ts';
import type { Connection, Security } from './connection.ts';
import { type ExecPlugin, pluginCredentials } from './exec-plugin.ts';
import { rereadFile } from './reread.ts';

export interface KubeconfigOptions {
  /** Else $KUBECONFIG, which may name several files, else ~/.kube/config. */
  readonly path?: string | undefined;
  /** Else the current one. */
  readonly context?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

interface Cluster {
  readonly server?: string;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'tls-server-name'?: string;
  readonly 'proxy-url'?: string;
}

interface User {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly 'client-certificate'?: string;
  readonly 'client-certificate-data'?: string;
  readonly 'client-key'?: string;
  readonly 'client-key-data'?: string;
  readonly username?: string;
  readonly exec?: ExecPlugin;
  readonly 'auth-provider'?: unknown;
}

interface Context {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly { readonly name: string; readonly context?: Context }[];
  readonly clusters?: readonly { readonly name: string; readonly cluster?: Cluster }[];
  readonly users?: readonly { readonly name: string; readonly user?: User }[];
}

/** A thing of a kubeconfig, and the folder that its relative paths start from. */
interface Found<T> {
  readonly value: T;
  readonly folder: string;
}

interface File {
  readonly folder: string;
  readonly config: Kubeconfig;
}

type Read = (refused: boolean) => Promise<string | undefined>;

/** @throws KUBE_CONFIG */
export function fromKubeconfig(options: KubeconfigOptions = {}): Connection {
  const { clock = systemClock } = options;
  const files = pathsOf(options)
    .map(readConfig)
    .filter((file) => file !== undefined);
  const current =
    options.context ?? files.map(({ config }) => config['current-context']).find(Boolean);
  if (current === undefined)
    throw wrong(`No kubeconfig names a current context (${pathsOf(options).join(', ')}).`);
  const context = find(files, 'context', current, ({ contexts }) =>
    contexts?.map((one) => [one.name, one.context]),
  ).value;
  const cluster = find(files, 'cluster', context.cluster, ({ clusters }) =>
    clusters?.map((one) => [one.name, one.cluster]),
  );
  const user =
    context.user === undefined || context.user === ''
      ? { value: {}, folder: '.' }
      : find(files, 'user', context.user, ({ users }) => users?.map((one) => [one.name, one.user]));
  return connectionOf(cluster, user, context, clock);
}

function connectionOf(
  cluster: Found<Cluster>,
  user: Found<User>,
  context: Context,
  clock: Clock,
): Connection {
  const { server, 'proxy-url': proxy, 'tls-server-name': serverName } = cluster.value;
  if (server === undefined || !/^https?:\/\//.test(server)) {
    throw wrong(`Cluster ${context.cluster} has no server that begins with https://.`);
  }
  return {
    server,
    namespace: context.namespace || 'default',
    security: securityOf(cluster, user, clock),
    ...(proxy === undefined ? {} : { proxy }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(cluster.value['insecure-skip-tls-verify'] === true ? { insecure: true } : {}),
  };
}

function securityOf(
  cluster: Found<Cluster>,
  user: Found<User>,
  clock: Clock,
): Connection['security'] {
  const { value } = user;
  if (value['auth-provider'] !== undefined || value.username !== undefined) {
    throw wrong(
      'auth-provider and username are of the past: use a credential plugin (exec) or a token.',
    );
  }
  const file = (at: Found<unknown>, path: string | undefined, data?: string): Read => {
    if (data) return async () => Buffer.from(data, 'base64').toString('utf8');
    if (path) return rereadFile(resolve(at.folder, path), clock);
    return async () => undefined;
  };
  const ca = file(
    cluster,
    cluster.value['certificate-authority'],
    cluster.value['certificate-authority-data'],
  );
  const certificate = file(user, value['client-certificate'], value['client-certificate-data']);
  const key = file(user, value['client-key'], value['client-key-data']);
  const token = value.token ? async () => value.token : file(user, value.tokenFile);
  const plugin =
    value.exec === undefined
      ? undefined
      : pluginCredentials(value.exec, user.folder, cluster.value, clock);
  return async (refused) => ({
    ...present({
      ca: await ca(refused),
      token: (await token(refused))?.trim(),
      clientCertificate: await certificate(refused),
      clientKey: await key(refused),
    }),
    ...(await plugin?.(refused)),
  });
}

function present(security: { readonly [K in keyof Security]: Security[K] | undefined }): Security {
  return Object.fromEntries(Object.entries(security).filter(([, value]) => value !== undefined));
}

function pathsOf({ path, environment = process.env }: KubeconfigOptions): string[] {
  if (path !== undefined) return [path];
  const listed = (environment.KUBECONFIG ?? '').split(delimiter).filter((one) => one !== '');
  return listed.length > 0 ? listed : [join(environment.HOME ?? homedir(), '.kube/config')];
}

/** A file that is not there is none of the list, as with kubectl. */
function readConfig(path: string): File | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw wrong(`${path} cannot be read.`, cause);
  }
  try {
    return { folder: dirname(path), config: (parse(text) ?? {}) as Kubeconfig };
  } catch (cause) {
    throw wrong(`${path} is no YAML.`, cause);
  }
}

/** The first file that knows a name wins. */
function find<T>(
  files: readonly File[],
  what: string,
  name: string | undefined,
  entries: (config: Kubeconfig) => (readonly [string, T | undefined])[] | undefined,
): Found<T> {
  for (const { folder, config } of files) {
    const value = entries(config)?.find(([known]) => known === name)?.[1];
    if (value !== undefined && value !== null) return { value, folder };
  }
  throw wrong(`No kubeconfig has a ${what} named ${name}.`);
}

function wrong(message: string, cause?: unknown): KubeError {
  return new KubeError('KUBE_CONFIG', message, { cause });
}
