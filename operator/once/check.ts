/** Does it work? Every ready node has an agent that is ready, and admission refuses what it must. */
import type { StoredNodeAgent } from '#api/stored.ts';
import { type Client, isKubeError } from '#kube/index.ts';
import { type Node, nodeAgents, nodes } from '../resources.ts';
import { type Pod, pods } from './held.ts';

export interface Finding {
  readonly good: boolean;
  /** A sentence. */
  readonly said: string;
}

const good = (said: string): Finding => ({ good: true, said });
const bad = (said: string): Finding => ({ good: false, said });

type Conditions = readonly { readonly type: string; readonly status: string }[];
const isReady = (conditions: Conditions = []): boolean =>
  conditions.some(({ type, status }) => type === 'Ready' && status === 'True');

/** Pure: what agents say, of the nodes that must have one. */
export function agentFindings(
  all: readonly Node[],
  agents: readonly (Pick<StoredNodeAgent, 'status'> & {
    readonly metadata: { readonly name: string };
  })[],
): readonly Finding[] {
  const ready = all.filter(({ status }) => isReady(status?.conditions));
  if (ready.length === 0) return [bad('No ready node has the labels of agent.nodeSelector.')];
  const byName = new Map(agents.map((agent) => [agent.metadata.name, agent]));
  const failing = ready.flatMap(({ metadata: { name } }) => {
    const said = byName.get(name)?.status?.conditions?.find(({ type }) => type === 'Ready');
    if (said?.status === 'True') return [];
    if (said === undefined) return [bad(`The agent of node ${name} has said nothing yet.`)];
    return [bad(`The agent of node ${name} is not ready: ${said.reason}. ${said.message}`)];
  });
  return failing.length > 0
    ? failing
    : [good(`Agents are ready on all ${ready.length} ready nodes.`)];
}

/** A namespace that every cluster has and that nobody may enforce. */
const NAMESPACE = 'default';
const REFUSAL = 'TW_ADMIT_OUTSIDE';

/** Sent as a dry run: nothing comes of it. It would be let in by the strictest of Pod Security's levels. */
function pod(annotations: Readonly<Record<string, string>>): Pod {
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    runAsUser: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const spec = { containers: [{ name: 'check', image: 'torwacht-check', securityContext }] };
  return { metadata: { namespace: NAMESPACE, name: 'torwacht-check', annotations }, spec } as Pod;
}

/** One pod of a runner outside of enforcement, which must be refused, and its twin, which must not. */
export async function admissionFindings(client: Client): Promise<readonly Finding[]> {
  const answer = (annotations: Readonly<Record<string, string>>): Promise<string> =>
    client.create(pods, pod(annotations), { dryRun: true }).then(
      () => '',
      (error: unknown) => {
        if (isKubeError(error)) return error.message;
        throw error;
      },
    );
  const runner = await answer({ 'project.runner.gitlab.com/id': '0' });
  const other = await answer({});
  return [
    runner.includes(REFUSAL)
      ? good("A runner's pod outside of enforced namespaces is refused.")
      : bad(
          `A runner's pod outside of enforced namespaces is not refused by ${REFUSAL}, but ${runner === '' ? 'let in' : `told: ${runner}`}`,
        ),
    other === ''
      ? good('Any other pod there is let in.')
      : bad(`Any other pod there is refused: ${other}`),
  ];
}

export async function check(
  client: Client,
  { nodeSelector, admission }: { readonly nodeSelector: string; readonly admission: boolean },
): Promise<readonly Finding[]> {
  const { items: all } = await client.list(nodes, { labelSelector: nodeSelector });
  const { items: agents } = await client.list(nodeAgents);
  return [...agentFindings(all, agents), ...(admission ? await admissionFindings(client) : [])];
}
