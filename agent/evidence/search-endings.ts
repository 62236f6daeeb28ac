/** A resolver's search list (resolv.conf(5)): a refused name with an ending waits for the bare name to follow. */

/** A resolver asks for the bare name right after its endings, ms. */
const PATIENCE = 2000;

export class SearchEndings<Waiting> {
  /** The longest first. */
  readonly #endings: readonly string[];
  /** By process and name, while their bare name may follow. */
  readonly #waiting = new Map<string, Waiting>();

  /** `endings`: in lower case. */
  constructor(endings: readonly string[]) {
    this.#endings = [...endings].sort((a, b) => b.length - a.length);
  }

  /** `registry.example.com.ci.svc.cluster.local`, but not `web.ci.svc.cluster.local` for `web`. */
  end(name: string): boolean {
    const longest = this.#endings.find((ending) => name.endsWith(`.${ending}`));
    return longest !== undefined && name.slice(0, -longest.length - 1).includes('.');
  }

  /** Tells when the bare name did not come. `asker` stands for one process. */
  wait(asker: string, name: string, one: Waiting, passed: () => void): void {
    const key = `${asker}/${name}`;
    this.#waiting.set(key, one);
    setTimeout(() => {
      if (this.#waiting.delete(key)) passed();
    }, PATIENCE).unref();
  }

  /** The bare name came: what waited for it, and waits no more. */
  take(asker: string, bare: string): Waiting[] {
    return this.#endings.flatMap((ending) => {
      const key = `${asker}/${bare}.${ending}`;
      const one = this.#waiting.get(key);
      this.#waiting.delete(key);
      return one === undefined ? [] : [one];
    });
  }
}
