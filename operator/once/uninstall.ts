/**
 * What comes before an uninstall: no job may be let go, and nothing of ours may stand in the way of others when the
 * webhook is gone. So it waits for pods that are held, or ends them where the namespace says so. Then it takes away the webhooks, who
 * would answer them, and what operator and webhook wrote.
 */
import { webhookConfigurations } from '#api/admission.ts';
import { leaveAnnotation, leftReason } from '#api/node-agent.ts';
import type { StoredNodeAgent } from '#api/stored.ts';
import {
  type Client,
  type Clock,
  isKubeError,
  type KubeObject,
  type ObjectPlace,
  type Resource,
  resource,
  sleep,
} from '#kube/index.ts';
import { ownReports, reports } from '../reports/report.ts';
import { type Node, namespaces, nodeAgents, nodes, policyBundles } from '../resources.ts';
import { heldPods, listed, type Pod, pods } from './held.ts';

export interface UninstallOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Where the release is. */
  readonly namespace: string;
  /** How long to wait for pods that are held, ms. */
  readonly wait: number;
  /** How long to wait for what was told to end, ms: two minutes unless given. Our pods have 30 s for it. */
  readonly patience?: number;
  /** A line for whoever reads the log. */
  tell(line: string): void;
}

/** ms between two looks */
const LOOK = 1000;
const PATIENCE = 120_000;
const LISTED = 10;

const kind = (group: string, name: string, namespaced: boolean): Resource =>
  resource({ group, version: 'v1', kind: name, plural: `${name.toLowerCase()}s`, namespaced });
const admission = 'admissionregistration.k8s.io';
const validating = kind(admission, 'ValidatingWebhookConfiguration', false);
const mutating = kind(admission, 'MutatingWebhookConfiguration', false);
const deployments = kind('apps', 'Deployment', true);
const leases = kind('coordination.k8s.io', 'Lease', true);
const secrets = kind('', 'Secret', true);
const configMaps = kind('', 'ConfigMap', true);

/** Of the release's namespace; with the value `force` pods that are held are deleted. */
const forceAnnotation = 'torwacht.io/uninstall';

/** Who would write again what is taken away. */
const writers = ['torwacht-operator', 'torwacht-webhook'];

/** False where pods are held still. Throws what the API server answers. */
export async function uninstall(options: UninstallOptions): Promise<boolean> {
  const remaining = await untilNone(options);
  for (const line of remaining) options.tell(line);
  if (remaining.length > 0) return false;
  const { namespace } = options;
  // They fail closed: with nobody behind them, no runner's pod would start.
  for (const name of webhookConfigurations.validating) await remove(options, validating, { name });
  for (const name of webhookConfigurations.mutating) await remove(options, mutating, { name });
  if (!(await endWriters(options))) return false;
  await leaveNodes(options);
  await removeAll(options, nodeAgents);
  await removeAll(options, policyBundles);
  for (const { metadata } of await listed(options.client, reports, ownReports)) {
    await remove(options, reports, { namespace: metadata.namespace, name: metadata.name });
  }
  await remove(options, leases, { namespace, name: 'torwacht-operator' });
  for (const name of writers) {
    await remove(options, secrets, { namespace, name: `${name}-certificates` });
  }
  await remove(options, configMaps, { namespace, name: 'torwacht-operator-intake' });
  options.tell('No pod is held any more, and nobody waits for a webhook.');
  return true;
}

/** What to tell of pods that are held when the time is over; nothing when there is none. */
async function untilNone(options: UninstallOptions): Promise<readonly string[]> {
  const { client, clock, wait, patience = PATIENCE } = options;
  const end = clock.monotonic() + wait;
  const deleted = new Set<string>();
  for (;;) {
    const held = await heldPods(client);
    if (held.length === 0) return [];
    const forced = await isForced(options);
    if (forced) await removePods(options, held, deleted);
    if (clock.monotonic() >= end + (forced ? patience : 0)) {
      return stillHeld(held, options.namespace);
    }
    await sleep(clock, LOOK);
  }
}

/** Asked at each look: whoever waits can be told to. */
async function isForced({ client, namespace }: UninstallOptions): Promise<boolean> {
  const { metadata } = await client.get(namespaces, { name: namespace });
  return metadata.annotations?.[forceAnnotation] === 'force';
}

/** Each once: they end within their own grace period. */
async function removePods(
  options: UninstallOptions,
  held: readonly Pod[],
  deleted: Set<string>,
): Promise<void> {
  for (const { metadata } of held) {
    const { namespace, name, uid = '' } = metadata;
    if (deleted.has(uid)) continue;
    deleted.add(uid);
    await remove(options, pods, { namespace, name }, uid);
  }
}

async function endWriters(options: UninstallOptions): Promise<boolean> {
  const { client, clock, namespace, patience = PATIENCE, tell } = options;
  const end = clock.monotonic() + patience;
  for (const name of writers) await remove(options, deployments, { namespace, name });
  const labelSelector = `app.kubernetes.io/name in (${writers.join(',')})`;
  for (;;) {
    const { items } = await client.list(pods, { namespace, labelSelector });
    if (items.length === 0) return true;
    if (clock.monotonic() >= end) {
      tell(
        `Pods of operator or webhook do not end: ${items.map(({ metadata }) => metadata.name)}.`,
      );
      tell('Look why (kubectl describe), and uninstall again.');
      return false;
    }
    await sleep(clock, LOOK);
  }
}

/** Agents remove what they have pinned. One that does not answer leaves maps behind that hold nobody. */
async function leaveNodes(options: UninstallOptions): Promise<void> {
  const { client, clock, patience = PATIENCE, tell } = options;
  const end = clock.monotonic() + patience;
  const metadata = { annotations: { [leaveAnnotation]: 'true' } };
  for (const { metadata: at } of await listed<KubeObject>(client, nodeAgents)) {
    await client.patch(nodeAgents, { name: at.name }, { metadata });
  }
  for (;;) {
    const ready = new Set(readyNames(await listed(client, nodes)));
    const agents = await listed(client, nodeAgents);
    const waiting = agents.filter((agent) => ready.has(agent.metadata.name) && !hasLeft(agent));
    if (waiting.length === 0) return tell('no node has anything pinned any more');
    if (clock.monotonic() >= end) {
      const names = waiting.slice(0, LISTED).map((agent) => agent.metadata.name);
      return tell(`${waiting.length} agents have not said that they left: ${names.join(', ')}`);
    }
    await sleep(clock, LOOK);
  }
}

function hasLeft({ status }: Pick<StoredNodeAgent, 'status'>): boolean {
  return (
    status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === leftReason) ??
    false
  );
}

function readyNames(all: readonly Node[]): readonly string[] {
  const ready = all.filter(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  );
  return ready.map(({ metadata }) => metadata.name);
}

async function removeAll(options: UninstallOptions, of: Resource): Promise<void> {
  for (const { metadata } of await listed<KubeObject>(options.client, of)) {
    await remove(options, of, { name: metadata.name });
  }
}

/** Tells what it did; nothing where it was gone before, or is another one by now. */
async function remove(
  { client, tell }: UninstallOptions,
  of: Resource,
  at: ObjectPlace,
  uid?: string,
): Promise<void> {
  try {
    await client.delete(of, at, {
      propagation: 'Background',
      ...(uid === undefined ? {} : { uid }),
    });
    const { namespace, name } = at;
    tell(`${of.kind} ${namespace === undefined ? '' : `${namespace}/`}${name} is deleted`);
  } catch (error) {
    if (!isKubeError(error, 'KUBE_NOT_FOUND', 'KUBE_CONFLICT')) throw error;
  }
}

export function stillHeld(held: readonly Pod[], namespace: string): readonly string[] {
  const named = held.slice(0, LISTED).map(({ metadata: { namespace, name }, spec }) => {
    return `  ${namespace}/${name} on ${spec?.nodeName ?? 'no node yet'}`;
  });
  const more = held.length > LISTED ? [`  and ${held.length - LISTED} more`] : [];
  return [
    'Torwacht stays: an uninstall would leave these jobs without an agent.',
    `Pods that are held: ${held.length}`,
    ...named,
    ...more,
    'Pause the runners and try again when the jobs have ended. To end them instead:',
    `  kubectl annotate namespace ${namespace} ${forceAnnotation}=force, and again helm uninstall`,
  ];
}
