/** Plays the operator: writes the bundles of bindings of one namespace, and what one node must hold. */
import type { TorwachtDocument } from '#api/documents.ts';
import { headLabel } from '#api/policy-bundle.ts';
import { apiVersion } from '#api/version.ts';
import { headDigest } from '#policy/bundle/content.ts';
import { type Piece, split } from '#policy/bundle/split.ts';
import { checkDocument } from '#policy/check-document.ts';
import type { Cluster } from '../cluster/cluster.ts';

const object = (kind: string, name: string, spec: object) => ({
  apiVersion,
  kind,
  metadata: { name },
  spec,
});

export type Given = readonly [kind: string, metadata: object, spec: object];

/** Documents as an operator puts them into a bundle. */
export function documents(...given: readonly Given[]): readonly TorwachtDocument[] {
  return given.map(([kind, metadata, spec]): TorwachtDocument => {
    const { document, problems } = checkDocument({ apiVersion, kind, metadata, spec });
    if (document === null) throw new Error(JSON.stringify(problems));
    return document;
  });
}

export interface Bundle {
  readonly digest: string;
  readonly pieces: readonly Piece[];
}

export function bundleOf(given: readonly TorwachtDocument[]): Bundle {
  const pieces = split(given);
  return { digest: headDigest(pieces.map(({ digest }) => digest)), pieces };
}

export class Publisher {
  readonly node: string;
  readonly namespace: string;
  readonly #api: Pick<Cluster, 'apply' | 'kubectl'>;

  constructor(api: Pick<Cluster, 'apply' | 'kubectl'>, node: string, namespace: string) {
    this.#api = api;
    this.node = node;
    this.namespace = namespace;
  }

  /** A RunnerBinding of the namespace. */
  binding(name: string, spec: object = {}): Given {
    return ['RunnerBinding', { name, namespace: this.namespace, generation: 1 }, spec];
  }

  policy(name: string, ...fqdn: readonly string[]): Given {
    const metadata = { name, namespace: this.namespace, generation: 1 };
    return ['EgressPolicy', metadata, { allow: fqdn.map((one) => ({ fqdn: [one] })) }];
  }

  async writePieces({ pieces }: Bundle): Promise<void> {
    await this.#api.apply(
      pieces.map(({ digest, content }) => object('PolicyBundle', digest, { piece: { content } })),
    );
  }

  headName(name: string): string {
    return `${this.namespace}.${name}`;
  }

  /** The head of a binding of the namespace. `over` takes the place of what would be right. */
  async writeHead(name: string, bundle: Bundle, over: object = {}): Promise<void> {
    const head = {
      binding: { namespace: this.namespace, name, generation: 1 },
      digest: bundle.digest,
      pieces: bundle.pieces.map(({ digest }) => digest),
      policies: 0,
      ...over,
    };
    const written = object('PolicyBundle', this.headName(name), { head });
    const labels = { [headLabel]: 'true' };
    await this.#api.apply({ ...written, metadata: { ...written.metadata, labels } });
  }

  async publish(name: string, ...given: readonly Given[]): Promise<Bundle> {
    const bundle = bundleOf(documents(...given));
    await this.writePieces(bundle);
    await this.writeHead(name, bundle);
    return bundle;
  }

  /** The node must hold these bindings of the namespace. */
  async assign(...names: readonly string[]): Promise<void> {
    const { namespace } = this;
    const bindings = names.map((name) => ({ namespace, name, bundle: this.headName(name) }));
    await this.#api.apply(object('NodeAgent', this.node, { bindings }));
  }

  async remove(kind: string, name: string): Promise<void> {
    await this.#api.kubectl(['delete', kind, name]);
  }
}
