/**
 * An API in memory, behind the client's interface: versions, generations, finalizers, merge patches and
 * watches as the real one has them. For tests of handlers; what is peculiar to the real one is tested there.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../client/resource.ts';
import type { Client, Fence, ObjectPlace, WatchEvent, WatchOptions } from '../client/types.ts';
import { KubeError } from '../errors.ts';
import { type KubeObject, keyOf, type ObjectMeta } from '../objects/types.ts';
import { endOfList } from './scripted-server.ts';

type Any = KubeObject & Record<string, unknown>;
type Given = Record<string, unknown> & { readonly metadata: ObjectPlace & Partial<ObjectMeta> };
type Listener = (event: WatchEvent<Any>) => void;

export class MemoryApi {
  /** `apply websites ci/a`, as they came, with `/status` behind the resource. */
  readonly writes: string[] = [];
  /** What a write meets before it is done. */
  refuse: (write: string) => void = () => undefined;
  readonly #objects = new Map<string, Map<string, Any>>();
  readonly #listeners = new Map<string, Set<Listener>>();
  #version = 0;

  /** As somebody else writes it: no write of ours. */
  put(of: Resource, object: Given): Any {
    const all = this.#all(of);
    const old = all.get(keyOf(object as Any));
    const now = this.#versioned(of, { ...old, ...object } as Any, old);
    this.#store(of, now, old === undefined ? 'ADDED' : 'MODIFIED');
    return now;
  }

  get(of: Resource, at: ObjectPlace): Any | undefined {
    return this.#all(of).get(keyOf({ metadata: at as Any['metadata'] }));
  }

  list(of: Resource): readonly Any[] {
    return [...this.#all(of).values()];
  }

  /** Marks it where a finalizer holds it. */
  remove(of: Resource, at: ObjectPlace): void {
    const object = this.#found(of, at);
    if ((object.metadata.finalizers ?? []).length === 0) {
      this.#all(of).delete(keyOf(object));
      this.#tell(of, { type: 'DELETED', object: { ...object, metadata: this.#next(object) } });
      return;
    }
    const deletionTimestamp = '2030-01-01T00:00:00Z';
    this.put(of, { metadata: { ...object.metadata, deletionTimestamp } });
  }

  client(fence?: Fence): Client {
    const write = <T>(
      verb: string,
      of: Resource,
      at: ObjectPlace,
      below: string | undefined,
      act: () => T,
    ): T => {
      fence?.check();
      const what = `${verb} ${of.plural}${below ? `/${below}` : ''} ${keyOf({ metadata: at as Any['metadata'] })}`;
      this.refuse(what);
      this.writes.push(what);
      return act();
    };
    const client = {
      get: async (of: Resource, at: ObjectPlace) => this.#found(of, at),
      create: async (of: Resource, object: Any) =>
        write('create', of, object.metadata, undefined, () => {
          if (this.get(of, object.metadata) !== undefined) {
            throw new KubeError('KUBE_ALREADY_EXISTS', 'it is there');
          }
          return this.put(of, object);
        }),
      delete: async (of: Resource, at: ObjectPlace) =>
        write('delete', of, at, undefined, () => this.remove(of, at)),
      update: async (of: Resource, object: Any) =>
        write('update', of, object.metadata, undefined, () => this.#merge(of, object)),
      apply: async (of: Resource, object: Any, options?: { subresource?: string }) =>
        write('apply', of, object.metadata, options?.subresource, () => this.#merge(of, object)),
      patch: async (of: Resource, at: ObjectPlace, body: Any, options?: { subresource?: string }) =>
        write('patch', of, at, options?.subresource, () =>
          this.#merge(of, { ...body, metadata: { ...body.metadata, ...at } } as Any),
        ),
      watch: (of: Resource, options: WatchOptions) => this.#watch(of, options),
      guarded: (other: Fence) => this.client(other),
      close: () => undefined,
    };
    return client as unknown as Client;
  }

  #merge(of: Resource, change: Any): Any {
    const old = this.#all(of).get(keyOf(change));
    const expected = change.metadata.resourceVersion;
    if (expected !== undefined && expected !== old?.metadata.resourceVersion) {
      throw new KubeError('KUBE_CONFLICT', 'it changed');
    }
    const metadata = { ...old?.metadata, ...change.metadata };
    const now = this.put(of, { ...change, metadata });
    const released = now.metadata.deletionTimestamp && now.metadata.finalizers?.length === 0;
    if (released) this.remove(of, now.metadata);
    return now;
  }

  async *#watch(of: Resource, { signal }: WatchOptions): AsyncGenerator<WatchEvent<Any>> {
    const queue: WatchEvent<Any>[] = [...this.#all(of).values()].map((object) => ({
      type: 'ADDED',
      object,
    }));
    queue.push(endOfList(this.#version || 1) as unknown as WatchEvent<Any>);
    let wake: () => void = () => undefined;
    const listener: Listener = (event) => {
      queue.push(event);
      wake();
    };
    const listeners = this.#listeners.get(of.plural) ?? new Set();
    this.#listeners.set(of.plural, listeners.add(listener));
    signal.addEventListener('abort', () => wake());
    while (!signal.aborted) {
      const event = queue.shift();
      if (event !== undefined) yield event;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    listeners.delete(listener);
  }

  #all(of: Resource): Map<string, Any> {
    const all = this.#objects.get(of.plural) ?? new Map<string, Any>();
    this.#objects.set(of.plural, all);
    return all;
  }

  #found(of: Resource, at: ObjectPlace): Any {
    const object = this.get(of, at);
    if (object === undefined) throw new KubeError('KUBE_NOT_FOUND', 'it is not there');
    return object;
  }

  #store(of: Resource, object: Any, type: 'ADDED' | 'MODIFIED'): void {
    this.#all(of).set(keyOf(object), object);
    this.#tell(of, { type, object });
  }

  #tell({ plural }: Resource, event: WatchEvent<Any>): void {
    for (const listener of this.#listeners.get(plural) ?? []) listener(event);
  }

  #versioned(of: Resource, object: Any, old: Any | undefined): Any {
    const generation =
      (old?.metadata.generation ?? 0) + Number(!isDeepStrictEqual(old?.spec, object.spec));
    const metadata = {
      uid: `${of.plural}-${this.#version + 1}`,
      ...old?.metadata,
      ...object.metadata,
    };
    return {
      ...object,
      metadata: { ...this.#next({ ...object, metadata }), generation: Math.max(generation, 1) },
    };
  }

  #next(object: Any): Any['metadata'] {
    this.#version += 1;
    return { ...object.metadata, resourceVersion: String(this.#version) };
  }
}
