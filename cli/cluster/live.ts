/** What stands in a cluster about one namespace: objects, and the documents in them that are sound. */
import type { TorwachtDocument } from '#api/documents.ts';
import { checkDocument } from '#policy/check-document.ts';
import { type Labels, selectsNamespace } from '#policy/namespace-selector.ts';
import { fieldName } from '#policy/problem.ts';
import { documentTitle } from '#policy/title.ts';
import { type Cluster, ifAllowed } from './cluster.ts';
import * as resources from './resources.ts';

export interface Live {
  readonly namespace: string;
  /** Undefined where these credentials may not read them. */
  readonly labels: Labels | undefined;
  readonly policies: readonly resources.Policy[];
  readonly clusterPolicies: readonly resources.ClusterPolicy[];
  /** That govern pods of the namespace, wherever they stand. */
  readonly bindings: readonly resources.Binding[];
  /** Of all of these, what is sound. */
  readonly documents: readonly TorwachtDocument[];
  /** Sentences about what may make an answer wrong: what could not be read, what is not sound. */
  readonly doubts: readonly string[];
}

/** @throws TW_KUBE_* where the namespace's own objects cannot be read */
export async function readLive(cluster: Cluster, namespace: string): Promise<Live> {
  const unread: string[] = [];
  const [place, policies, clusterPolicies, bindings] = await Promise.all([
    ifAllowed(cluster.get(resources.namespaces, { name: namespace }), unread),
    cluster.list(resources.policies, namespace),
    ifAllowed(cluster.list(resources.clusterPolicies), unread),
    readBindings(cluster, namespace, unread),
  ]);
  const labels = place === null ? undefined : (place.metadata.labels ?? {});
  const about = (clusterPolicies ?? []).filter(
    ({ spec }) => selectsNamespace(spec.namespaceSelector, namespace, labels) !== 'no',
  );
  const sound = [...about, ...bindings, ...policies].map(read);
  return {
    namespace,
    labels,
    policies,
    clusterPolicies: about,
    bindings,
    documents: sound.flatMap(({ document }) => document ?? []),
    doubts: [
      ...unread.map((sentence) => `${sentence} The answer is without them.`),
      ...sound.flatMap(({ doubt }) => doubt ?? []),
    ],
  };
}

/** All that govern the namespace; those of the namespace alone where no more may be read. */
export async function readBindings(
  cluster: Cluster,
  namespace: string,
  unread: string[],
): Promise<readonly resources.Binding[]> {
  const all = await ifAllowed(cluster.list(resources.bindings), unread);
  const seen = all ?? (await cluster.list(resources.bindings, namespace));
  return seen.filter(({ metadata, spec }) =>
    (spec.selector?.namespaces ?? [metadata.namespace]).includes(namespace),
  );
}

type Document = resources.Policy | resources.ClusterPolicy | resources.Binding;

interface Read {
  readonly document?: TorwachtDocument;
  readonly doubt?: string;
}

function read(object: Document): Read {
  const { document, problems } = checkDocument(object);
  if (document !== null) return { document };
  const [problem] = problems;
  const title = documentTitle(object);
  const field = fieldName(problem?.path ?? []);
  const doubt = `${title} cannot be put in force, so that what it said before may still be: ${field} ${problem?.message}. ${problem?.hint}`;
  return { doubt };
}

/** By namespace and name. */
export function byPlace(
  bindings: readonly resources.Binding[],
): ReadonlyMap<string, resources.Binding> {
  return new Map(
    bindings.map((one) => [`${one.metadata.namespace}/${one.metadata.name}`, one] as const),
  );
}

/** The object that a document was read from. */
export function objectOf(live: Live, document: TorwachtDocument): Document | undefined {
  const title = documentTitle(document);
  const all = [...live.policies, ...live.clusterPolicies, ...live.bindings];
  return all.find((object) => documentTitle(object) === title);
}
