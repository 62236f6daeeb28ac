/** What the client can be asked for. */
import type { KubeList, KubeObject } from '../objects/types.ts';
import type { Resource } from './resource.ts';

export interface Selectors {
  /** All namespaces where it is left out. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** The whole request, answer included. The client's own default where it is left out. */
  readonly timeoutMs?: number;
}

export interface GetOptions extends RequestOptions {
  /**
   * Not older than this, from what the API server has in memory; the newest, which it asks etcd for, where it
   * is left out.
   */
  readonly resourceVersion?: string;
}

export interface RawOptions extends RequestOptions {
  /** GET unless told. */
  readonly method?: 'GET' | 'POST';
  /** Beside the client's own. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ListOptions extends Selectors, RequestOptions {
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
}

export interface WriteOptions extends RequestOptions {
  readonly subresource?: string;
  readonly dryRun?: boolean;
}

export interface ApplyOptions extends WriteOptions {
  /** Take fields that another manager owns. */
  readonly force?: boolean;
  /** Another one than the client's. */
  readonly fieldManager?: string;
}

export interface PatchOptions extends WriteOptions {
  /** JSON merge patch unless told. */
  readonly type?: 'merge' | 'json' | 'strategic';
}

export interface DeleteOptions extends RequestOptions {
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  /** Only if the object is still this one. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface ObjectPlace {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** What `apply` takes: only the fields that are ours. `apiVersion` and `kind` are added. */
export type Applied<T extends KubeObject> = {
  readonly [K in Exclude<keyof T, 'metadata'>]?: unknown;
} & { readonly metadata: ObjectPlace & Partial<T['metadata']> };

export interface WatchOptions extends Selectors {
  readonly resourceVersion?: string;
  readonly timeoutSeconds: number;
  /** Ask for the initial list as events of the watch. */
  readonly sendInitialEvents?: boolean;
  readonly signal: AbortSignal;
}

/** One line of a watch, as it came. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/**
 * Raw JSON in and out: unknown fields stay, timestamps are strings. All methods throw `KubeError`; nothing
 * is sent again behind the caller's back, except where it is certain that nothing happened.
 */
export interface Client {
  get<T extends KubeObject>(of: Resource<T>, at: ObjectPlace, options?: GetOptions): Promise<T>;
  /** One page. */
  list<T extends KubeObject>(of: Resource<T>, options?: ListOptions): Promise<KubeList<T>>;
  create<T extends KubeObject>(of: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** PUT: with `metadata.resourceVersion` only if nobody else changed it. */
  update<T extends KubeObject>(of: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    of: Resource<T>,
    at: ObjectPlace,
    body: unknown,
    options?: PatchOptions,
  ): Promise<T>;
  /** Server-side apply; creates what is not there. */
  apply<T extends KubeObject>(
    of: Resource<T>,
    object: Applied<T>,
    options?: ApplyOptions,
  ): Promise<T>;
  delete(of: Resource, at: ObjectPlace, options?: DeleteOptions): Promise<void>;
  /** One connection; ends when the server ends it, throws when it broke. */
  watch<T extends KubeObject>(of: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Any path: `/version`, `/openapi/v3`, what stands behind a Service. */
  raw(path: string, options?: RawOptions): Promise<unknown>;
  /** The same client, whose writes ask first; see `Fence`. */
  guarded(fence: Fence): Client;
  /** Closes idle connections. */
  close(): void;
}

/** Says whether this process may write now. */
export interface Fence {
  /** Called on the tick that hands a write to the kernel. @throws KUBE_NOT_LEADER */
  check(): void;
  /** Aborted when the right to write ends; requests under way are cut. */
  readonly signal: AbortSignal;
}
