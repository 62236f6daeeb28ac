/**
 * Writes that the caches do not show yet. What is woken in between compares with an object as it was, and
 * would write the same once more.
 */
export class Outstanding {
  readonly #writes = new Map<
    string,
    { readonly over: string | undefined; readonly said: string }
  >();

  /** Was just this written over just this version? @param over resourceVersion that the cache shows */
  has(id: string, over: string | undefined, said: string): boolean {
    const last = this.#writes.get(id);
    return last !== undefined && last.over === over && last.said === said;
  }

  add(id: string, over: string | undefined, said: string): void {
    this.#writes.set(id, { over, said });
  }

  forget(id: string): void {
    this.#writes.delete(id);
  }
}
