/** The cluster that is asked, with errors that say what to do. */
import { type ErrorSpec, failure, TorwachtError } from '#api/error.ts';
import { group } from '#api/version.ts';
import {
  type Client,
  type Connection,
  createClient,
  findConnection,
  isKubeError,
  type KubeError,
  type KubeObject,
  listAll,
  type Resource,
} from '#kube/index.ts';
import { errors } from './errors.ts';

/** As commander gives them, with the names that kubectl's have. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

export interface Cluster {
  readonly server: string;
  /** As it is: for what is none of these verbs. */
  readonly client: Client;
  /** The one that was named, else the context's, else `default`. */
  readonly namespace: string;
  /** All pages, by name. @param namespace all of them where it is left out */
  list<T extends KubeObject>(of: Resource<T>, namespace?: string): Promise<readonly T[]>;
  get<T extends KubeObject>(of: Resource<T>, place: Place & { name: string }): Promise<T>;
  /** @example '1.34.1' */
  version(): Promise<string>;
  /** Asks to make an object, of which nothing stays: as it would be made, or what is said to it. */
  tryOut<T extends KubeObject>(of: Resource<T>, object: T): Promise<T | string>;
}

interface Place {
  readonly name?: string;
  readonly namespace?: string | undefined;
}

/**
 * Runs a command against the cluster that the flags name, or that kubectl would ask.
 *
 * @throws TW_KUBE_CONFIG, and what the work throws
 */
export async function withCluster<T>(
  flags: ClusterFlags,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const connection = connect(flags);
  const client = createClient(connection, { fieldManager: 'torwacht-cli' });
  try {
    return await work(over(client, connection, flags.namespace));
  } finally {
    client.close();
  }
}

function connect({ kubeconfig, context }: ClusterFlags): Connection {
  try {
    return findConnection({ path: kubeconfig, context });
  } catch (error) {
    if (!isKubeError(error)) throw error;
    throw failure(errors.config, { reason: error.message }, error);
  }
}

function over(client: Client, { server, namespace }: Connection, named?: string): Cluster {
  return {
    server,
    client,
    namespace: named ?? namespace,
    list: async (of, within) => {
      const selectors = within === undefined ? {} : { namespace: within };
      const signal = new AbortController().signal;
      const keep = <O>(object: O) => object;
      try {
        const { objects } = await listAll(client, of, selectors, { signal, keep });
        return objects;
      } catch (error) {
        throw told(error, server, 'list', of, { namespace: within });
      }
    },
    get: async (of, place) => {
      try {
        return await client.get(of, place);
      } catch (error) {
        throw told(error, server, 'get', of, place);
      }
    },
    version: async () => {
      try {
        const { gitVersion } = (await client.raw('/version')) as { readonly gitVersion: string };
        return gitVersion.replace(/^v/, '');
      } catch (error) {
        throw told(error, server, 'get', versions, {});
      }
    },
    tryOut: async (of, object) => {
      try {
        return await client.create(of, object, { dryRun: true });
      } catch (error) {
        if (isKubeError(error, 'KUBE_UNREACHABLE', 'KUBE_TIMEOUT')) {
          throw told(error, server, 'create', of, {});
        }
        if (isKubeError(error)) return error.message;
        throw error;
      }
    },
  };
}

/** `/version`, for what is said when it cannot be read. */
const versions: Resource = {
  group: '',
  version: '',
  kind: '',
  plural: 'version',
  namespaced: false,
};

function told(error: unknown, server: string, verb: string, of: Resource, place: Place): unknown {
  if (isFileError(error)) return failure(errors.config, { reason: `${error.message}.` }, error);
  if (!isKubeError(error)) return error;
  const resource = of.group === '' ? of.plural : `${of.plural}.${of.group}`;
  const { name, namespace } = place;
  const scoped = of.namespaced && namespace !== undefined;
  const fields = {
    server,
    verb,
    resource,
    flag: scoped ? ` -n ${namespace}` : of.namespaced ? ' -A' : '',
    what: describe(of, place),
    bound: scoped ? `in namespace ${namespace}` : 'for the whole cluster',
    reason: reasonOf(error),
  };
  // The path itself is not there: nobody knows the kind.
  const unknownKind = of.group === group && (name === undefined || error.reason === undefined);
  if (error.code === 'KUBE_NOT_FOUND' && unknownKind) {
    return failure(errors.notInstalled, fields, error);
  }
  return failure(specs[error.code] ?? errors.failed, fields, error);
}

/** A kubeconfig names files, which are read with the first request. */
function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}

const specs: Partial<Record<KubeError['code'], (typeof errors)[keyof typeof errors]>> = {
  KUBE_NOT_FOUND: errors.notFound,
  KUBE_FORBIDDEN: errors.forbidden,
  KUBE_UNAUTHORIZED: errors.unauthorized,
  KUBE_UNREACHABLE: errors.unreachable,
  KUBE_TIMEOUT: errors.unreachable,
  KUBE_CREDENTIALS: errors.credentials,
};

/** @example 'egresspolicies of torwacht.io in namespace ci', 'pod ci/web' */
function describe(of: Resource, { name, namespace }: Place): string {
  const place = of.namespaced && namespace !== undefined;
  if (name !== undefined) {
    return `${of.kind === 'Pod' ? 'pod' : of.kind} ${place ? `${namespace}/` : ''}${name}`;
  }
  const where = place ? `in namespace ${namespace}` : of.namespaced ? 'in all namespaces' : '';
  return `${of.plural}${of.group === '' ? '' : ` of ${of.group}`} ${where}`.trimEnd();
}

/** What came before is in the sentence already: the request, and the address. */
function reasonOf({ message, cause }: KubeError): string {
  const reason = cause instanceof Error ? cause.message : message;
  return reason.endsWith('.') ? reason : `${reason}.`;
}

/** What may be out of reach for these credentials: null then, and the sentence is kept. */
export async function ifAllowed<T>(asked: Promise<T>, unread: string[]): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (!isOf(error, errors.forbidden)) throw error;
    unread.push(error.message);
    return null;
  }
}

/** Undefined for an object that does not exist. */
export async function ifThere<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isOf(error, errors.notFound)) return undefined;
    throw error;
  }
}

export function isOf(error: unknown, ...specs: readonly ErrorSpec[]): error is TorwachtError {
  return error instanceof TorwachtError && specs.some(({ code }) => code === error.code);
}
