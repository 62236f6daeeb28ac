/**
 * The bundles that are in force on this node: which heads, and what is in their pieces. Of the documents only
 * the bindings stay in memory; the policies of a namespace are read from disk when somebody asks for it, and
 * forgotten with whoever asked.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { documentsFor } from '#policy/bundle/merge.ts';
import { readPiece } from '#policy/bundle/read.ts';
import { namespaceOf } from '#policy/title.ts';
import { type HeldHead, referenceKey } from './held.ts';

/** What is remembered of a piece that was verified. */
export interface Contents {
  readonly bytes: number;
  readonly bindings: readonly RunnerBinding[];
  /** Of its EgressPolicies. */
  readonly namespaces: ReadonlySet<string>;
  readonly hasClusterPolicies: boolean;
}

interface View {
  /** Digests that it was made from. */
  readonly pieces: string;
  readonly documents: WeakRef<readonly TorwachtDocument[]>;
}

const NONE: readonly TorwachtDocument[] = [];

export class Bundles {
  readonly #read: (digest: string) => string;
  readonly #heads = new Map<string, HeldHead>();
  readonly #contents = new Map<string, Contents>();
  readonly #views = new Map<string, View>();

  /** @param read content of a piece on disk */
  constructor(read: (digest: string) => string) {
    this.#read = read;
  }

  get heads(): ReadonlyMap<string, HeldHead> {
    return this.#heads;
  }

  /** Of all verified pieces. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#contents.values()) sum += bytes;
    return sum;
  }

  has(digest: string): boolean {
    return this.#contents.has(digest);
  }

  /** It is on the disk. */
  add(digest: string, contents: Contents): void {
    this.#contents.set(digest, contents);
  }

  /** The binding itself, as the pieces of its head have it. */
  bindingIn({ namespace, name, pieces }: Omit<HeldHead, 'namespaces'>): RunnerBinding | undefined {
    return pieces
      .flatMap((digest) => this.#contents.get(digest)?.bindings ?? [])
      .find((one) => one.metadata.name === name && namespaceOf(one) === namespace);
  }

  put(head: HeldHead): void {
    this.#heads.set(referenceKey(head), head);
  }

  drop(key: string): void {
    this.#heads.delete(key);
  }

  /** Forgets pieces that neither a head nor `also` names; what is left is what the disk needs. */
  collect(also: ReadonlySet<string>): void {
    const named = new Set([...this.#heads.values()].flatMap(({ pieces }) => pieces));
    for (const digest of this.#contents.keys()) {
      if (!named.has(digest) && !also.has(digest)) this.#contents.delete(digest);
    }
  }

  /** Are all pieces of it here? */
  isWhole({ pieces }: Pick<HeldHead, 'pieces'>): boolean {
    return pieces.every((digest) => this.has(digest));
  }

  /**
   * What is in force about one namespace, as the same array until it changes. Undefined where that is not
   * known: a head that governs it lacks a piece.
   *
   * @throws TW_BUNDLE_DIGEST, TW_AGENT_STATE_DAMAGED where the disk has changed under us
   */
  documents(namespace: string): readonly TorwachtDocument[] | undefined {
    const heads = [...this.#heads.values()];
    const governing = heads.filter(({ namespaces }) => namespaces.includes(namespace));
    if (governing.length === 0) return NONE;
    if (!governing.every((head) => this.isWhole(head))) return undefined;
    const pieces = [...new Set(governing.flatMap((head) => head.pieces))].filter((digest) =>
      this.#isAbout(digest, namespace),
    );
    const key = pieces.join();
    const view = this.#views.get(namespace);
    const known = view?.pieces === key ? view.documents.deref() : undefined;
    if (known !== undefined) return known;
    const documents = documentsFor(
      namespace,
      pieces.map((digest) => this.#piece(digest)),
    );
    this.#views.set(namespace, { pieces: key, documents: new WeakRef(documents) });
    this.#forgetViews();
    return documents;
  }

  /** One that has become another than its name says is not there any more. */
  #piece(digest: string): readonly TorwachtDocument[] {
    try {
      return readPiece(digest, this.#read(digest));
    } catch (error) {
      this.#contents.delete(digest);
      throw error;
    }
  }

  #isAbout(digest: string, namespace: string): boolean {
    const contents = this.#contents.get(digest);
    if (contents === undefined) return false;
    const { hasClusterPolicies, namespaces, bindings } = contents;
    return hasClusterPolicies || bindings.length > 0 || namespaces.has(namespace);
  }

  #forgetViews(): void {
    for (const [namespace, { documents }] of this.#views) {
      if (documents.deref() === undefined) this.#views.delete(namespace);
    }
  }
}

/** Verifies a piece, and says what it is about. @throws TW_BUNDLE_DIGEST, TW_BUNDLE_CONTENT */
export function contentsOf(digest: string, content: string): Contents {
  const bindings: RunnerBinding[] = [];
  const namespaces = new Set<string>();
  let hasClusterPolicies = false;
  for (const document of readPiece(digest, content)) {
    if (document.kind === 'RunnerBinding') bindings.push(document);
    else if (document.kind === 'EgressPolicy') namespaces.add(namespaceOf(document));
    else hasClusterPolicies = true;
  }
  return { bytes: content.length, bindings, namespaces, hasClusterPolicies };
}
