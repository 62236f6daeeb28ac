/** Credential plugins (client.authentication.k8s.io): a program that prints a token or a certificate. */
import { execFile } from 'node:child_process';
import { basename, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../clock.ts';
import { KubeError } from '../errors.ts';
import type { Connection, Security } from './connection.ts';

export interface ExecPlugin {
  readonly apiVersion?: string;
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly provideClusterInfo?: boolean;
}

interface ExecCredential {
  readonly status?: {
    readonly token?: string;
    readonly clientCertificateData?: string;
    readonly clientKeyData?: string;
    readonly expirationTimestamp?: string;
  };
}

const run = promisify(execFile);
/** A person may have to log in by a browser. */
const patienceMs = 120_000;

/** Runs the plugin when there are no credentials, when they expire, and when the server refused them. */
export function pluginCredentials(
  plugin: ExecPlugin,
  folder: string,
  cluster: object,
  clock: Clock,
): Connection['security'] {
  let known: { readonly security: Security; readonly expires: number } | undefined;
  let running: Promise<Security> | undefined;
  const renew = async () => {
    const credential = await runPlugin(plugin, folder, cluster);
    known = { security: securityOf(credential), expires: expiryOf(credential) };
    return known.security;
  };
  return async (refused) => {
    if (known !== undefined && !refused && clock.wall() < known.expires) return known.security;
    running ??= renew().finally(() => {
      running = undefined;
    });
    return running;
  };
}

async function runPlugin(
  plugin: ExecPlugin,
  folder: string,
  cluster: object,
): Promise<ExecCredential> {
  const { command, args = [], env = [], provideClusterInfo } = plugin;
  const apiVersion = plugin.apiVersion ?? 'client.authentication.k8s.io/v1';
  const spec = { interactive: false, ...(provideClusterInfo ? { cluster } : {}) };
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec });
  const program = basename(command) === command ? command : resolve(folder, command);
  const given = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  try {
    const { stdout } = await run(program, args, {
      env: { ...process.env, ...given, KUBERNETES_EXEC_INFO: info },
      timeout: patienceMs,
    });
    return JSON.parse(stdout) as ExecCredential;
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new KubeError('KUBE_CREDENTIALS', `The credential plugin ${command} failed: ${said}`, {
      cause,
    });
  }
}

function securityOf({ status }: ExecCredential): Security {
  return {
    ...(status?.token === undefined ? {} : { token: status.token }),
    ...(status?.clientCertificateData === undefined
      ? {}
      : { clientCertificate: status.clientCertificateData }),
    ...(status?.clientKeyData === undefined ? {} : { clientKey: status.clientKeyData }),
  };
}

function expiryOf({ status }: ExecCredential): number {
  const at = status?.expirationTimestamp;
  return at === undefined ? Number.POSITIVE_INFINITY : Date.parse(at);
}
