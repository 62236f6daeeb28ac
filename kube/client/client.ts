/** The client: verbs of the API as methods. */
import type { IncomingMessage } from 'node:http';
import { type Clock, systemClock } from '../clock.ts';
import { isKubeError, KubeError } from '../errors.ts';
import type { KubeList, KubeObject } from '../objects/types.ts';
import type { Observe } from '../observe.ts';
import { apiError, describe, type Tried } from './api-error.ts';
import type { Connection } from './connection.ts';
import { lines } from './lines.ts';
import { apiVersionOf, type Place, pathOf, type Resource } from './resource.ts';
import { type Outgoing, staleConnection, Transport } from './transport.ts';
import type * as types from './types.ts';

export interface ClientOptions {
  /** Owner of what is applied; also the User-Agent. */
  readonly fieldManager: string;
  /** 30,000 unless told. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly observe?: Observe;
}

/** How long after its time a watch is given up: the server ends it at `timeoutSeconds`. */
const watchGraceMs = 15_000;
const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  // JSON is YAML, and servers before 1.34 know no other name.
  apply: 'application/apply-patch+yaml',
} as const;

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Ask {
  readonly verb: string;
  readonly of: Resource | undefined;
  readonly at: Place;
  readonly query?: Query;
  readonly method: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
  /** Twice is as good as once. */
  readonly repeatable?: boolean;
  readonly options?: types.RequestOptions;
}

export function createClient(connection: Connection, options: ClientOptions): types.Client {
  const { clock = systemClock, fieldManager } = options;
  return new RestClient(new Transport(connection, fieldManager, clock), options, undefined);
}

class RestClient implements types.Client {
  readonly #transport: Transport;
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #fence: types.Fence | undefined;

  constructor(transport: Transport, options: ClientOptions, fence: types.Fence | undefined) {
    this.#transport = transport;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#fence = fence;
  }

  get<T extends KubeObject>(
    of: Resource<T>,
    at: types.ObjectPlace,
    { resourceVersion, ...options }: types.GetOptions = {},
  ): Promise<T> {
    return this.#read({ verb: 'get', of, at, query: { resourceVersion }, options });
  }

  list<T extends KubeObject>(
    of: Resource<T>,
    { namespace, ...options }: types.ListOptions = {},
  ): Promise<KubeList<T>> {
    const { labelSelector, fieldSelector, limit, resourceVersion } = options;
    const query = {
      labelSelector,
      fieldSelector,
      limit,
      resourceVersion,
      continue: options.continue,
    };
    return this.#read({ verb: 'list', of, at: { namespace }, query, options });
  }

  raw(path: string, options: types.RawOptions = {}): Promise<unknown> {
    const { method = 'GET', headers } = options;
    const verb = method === 'GET' ? 'get' : 'create';
    const ask = { verb, of: undefined, at: { name: path }, options, method, headers };
    return this.#json({ ...ask, repeatable: method === 'GET' });
  }

  create<T extends KubeObject>(
    of: Resource<T>,
    object: T,
    options?: types.WriteOptions,
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const within = options?.subresource === undefined ? undefined : name;
    return this.#write(
      'create',
      'POST',
      of,
      { namespace, name: within },
      { body: withKind(of, object), options },
    );
  }

  update<T extends KubeObject>(
    of: Resource<T>,
    object: T,
    options?: types.WriteOptions,
  ): Promise<T> {
    return this.#write('update', 'PUT', of, placeIn(object), {
      body: withKind(of, object),
      options,
    });
  }

  patch<T extends KubeObject>(
    of: Resource<T>,
    at: types.ObjectPlace,
    body: unknown,
    options: types.PatchOptions = {},
  ): Promise<T> {
    const contentType = patchTypes[options.type ?? 'merge'];
    return this.#write('patch', 'PATCH', of, at, { body, contentType, options });
  }

  apply<T extends KubeObject>(
    of: Resource<T>,
    object: types.Applied<T>,
    options: types.ApplyOptions = {},
  ): Promise<T> {
    return this.#write('patch', 'PATCH', of, placeIn(object), {
      body: withKind(of, object),
      contentType: patchTypes.apply,
      repeatable: true,
      query: {
        force: options.force === true ? true : undefined,
        fieldManager: options.fieldManager ?? this.#options.fieldManager,
      },
      options,
    });
  }

  async delete(
    of: Resource,
    at: types.ObjectPlace,
    { propagation, uid, resourceVersion, ...options }: types.DeleteOptions = {},
  ): Promise<void> {
    const preconditions = { uid, resourceVersion };
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: propagation,
      preconditions,
    };
    await this.#write('delete', 'DELETE', of, at, { body, options });
  }

  async *watch<T extends KubeObject>(
    of: Resource<T>,
    options: types.WatchOptions,
  ): AsyncGenerator<types.WatchEvent<T>> {
    const { namespace, signal, timeoutSeconds, sendInitialEvents } = options;
    const query: Query = {
      watch: true,
      allowWatchBookmarks: true,
      timeoutSeconds,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
      resourceVersion: options.resourceVersion,
      ...(sendInitialEvents ? { sendInitialEvents, resourceVersionMatch: 'NotOlderThan' } : {}),
    };
    const ask: Ask = {
      verb: 'watch',
      of,
      at: { namespace },
      query,
      method: 'GET',
      options: { signal },
    };
    const response = await this.#ask(ask, timeoutSeconds * 1000 + watchGraceMs);
    try {
      for await (const line of lines(response)) yield parse<types.WatchEvent<T>>(tried(ask), line);
    } catch (error) {
      throw broken(tried(ask), error, signal);
    } finally {
      response.destroy();
    }
  }

  guarded(fence: types.Fence): types.Client {
    return new RestClient(this.#transport, this.#options, fence);
  }

  close(): void {
    this.#transport.close();
  }

  #read<T>(
    ask: Omit<Ask, 'method' | 'options'> & { options?: types.RequestOptions | undefined },
  ): Promise<T> {
    return this.#json({ ...ask, options: ask.options ?? {}, method: 'GET', repeatable: true });
  }

  #write<T>(
    verb: string,
    method: string,
    of: Resource,
    at: Place,
    {
      options,
      query,
      ...ask
    }: Partial<Omit<Ask, 'options'>> & { options?: types.WriteOptions | undefined },
  ): Promise<T> {
    const dryRun = options?.dryRun === true ? 'All' : undefined;
    const subresource = options?.subresource;
    return this.#json({
      verb,
      method,
      of,
      at: { ...at, ...(subresource === undefined ? {} : { subresource }) },
      contentType: 'application/json',
      ...ask,
      query: {
        fieldManager: method === 'DELETE' ? undefined : this.#options.fieldManager,
        ...query,
        dryRun,
      },
      options: options ?? {},
    });
  }

  async #json<T>(ask: Ask): Promise<T> {
    const response = await this.#ask(ask);
    const text = await textOf(response).catch((error: unknown) => {
      throw broken(tried(ask), error, ask.options?.signal);
    });
    return parse<T>(tried(ask), text);
  }

  /** Gives an answer of 200 to 299; `totalMs` bounds it where it is no ordinary request. */
  async #ask(ask: Ask, totalMs?: number): Promise<IncomingMessage> {
    const begun = this.#clock.monotonic();
    const tell = (status: number) =>
      this.#options.observe?.({
        type: 'request',
        verb: ask.verb,
        resource: ask.of?.plural ?? '',
        status,
        ms: this.#clock.monotonic() - begun,
      });
    try {
      const response = await this.#accepted(ask, this.#outgoing(ask, totalMs), false);
      tell(response.statusCode ?? 0);
      return response;
    } catch (error) {
      tell(isKubeError(error) ? (error.status ?? 0) : 0);
      throw error;
    }
  }

  /** A second try only where the first certainly came to nothing, or where twice is as good as once. */
  async #accepted(ask: Ask, outgoing: Outgoing, again: boolean): Promise<IncomingMessage> {
    try {
      const response = await this.#transport.open(outgoing, again);
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) return response;
      const text = await textOf(response).catch(() => '');
      throw apiError(tried(ask), status, response.headers, text);
    } catch (error) {
      const stale = ask.repeatable && isKubeError(error) && error.reason === staleConnection;
      const refused = isKubeError(error, 'KUBE_UNAUTHORIZED');
      if (again || !(stale || refused)) throw error;
      return this.#accepted(ask, outgoing, true);
    }
  }

  #outgoing(ask: Ask, total?: number): Outgoing {
    const timeoutMs = ask.options?.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
    const { method, contentType, headers, body } = ask;
    return {
      method,
      headers,
      path: requestPath(ask),
      headersMs: timeoutMs,
      totalMs: total ?? timeoutMs,
      signal: ask.options?.signal,
      fence: method === 'GET' ? undefined : this.#fence,
      ...(contentType === undefined ? {} : { contentType }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
  }
}

/** The items of a list come without them, and every write wants them. */
function withKind(of: Resource, object: object): object {
  return { apiVersion: apiVersionOf(of), kind: of.kind, ...object };
}

function requestPath({ of, at, query = {} }: Ask): string {
  const path = of === undefined ? (at.name ?? '/') : pathOf(of, at);
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(
    given.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  return text === '' ? path : `${path}?${text}`;
}

function placeIn({ metadata }: { readonly metadata: types.ObjectPlace }): Place {
  const { namespace, name } = metadata;
  return namespace === undefined ? { name } : { namespace, name };
}

function tried({ verb, of, at, query }: Ask): Tried {
  return { ...at, verb, of, path: requestPath({ verb, of, at, query: query ?? {}, method: '' }) };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parse<T>(what: Tried, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new KubeError('KUBE_BROKEN_ANSWER', `${describe(what)}: the answer is no JSON.`, {
      cause,
    });
  }
}

/** A body that ended before its end. What the caller's own abort caused stays as it is. */
function broken(what: Tried, error: unknown, signal: AbortSignal | undefined): unknown {
  if (isKubeError(error) || signal?.aborted === true) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new KubeError('KUBE_BROKEN_ANSWER', `${describe(what)}: the answer was cut (${said}).`, {
    cause: error,
  });
}
