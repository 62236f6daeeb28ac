/** Policies from the API server, and the status of this node that goes back there. */
import { release } from 'node:os';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { failure } from '#api/error.ts';
import { leaveAnnotation } from '#api/node-agent.ts';
import {
  type Connection,
  createClient,
  findConnection,
  type Observe,
  prometheus,
  systemClock,
} from '#kube/index.ts';
import { Consumer } from '../cluster/consumer.ts';
import { problemOf } from '../cluster/reason.ts';
import { Reporter } from '../cluster/reporter.ts';
import type { Facts } from '../cluster/status.ts';
import type { Pods } from '../pods/pods.ts';
import { errors } from './errors.ts';
import { fields } from './fields.ts';
import type { PolicySource } from './source.ts';

/** What is known elsewhere, asked for when a status is written. */
export interface NodeFacts extends Pick<Facts, 'version'> {
  capabilities(): Facts['capabilities'];
  hostProblems(): Facts['hostProblems'];
  connected(): boolean;
  /** Does this node hold nobody any more, for good? */
  left(): boolean;
  pods(): Pick<Pods, 'held' | 'failed' | 'refusal'>;
}

export interface ClusterPlace {
  readonly node: string;
  /** Folder where bundles are kept. */
  readonly keep: string;
}

/** How often is looked whether pods, the runtime or the host have changed, ms. */
const LOOK = 5000;

/** @throws TW_AGENT_NO_API */
export function sourceOfCluster(
  { node, keep }: ClusterPlace,
  { log, registry, facts }: { log: Logger; registry: Registry; facts: NodeFacts },
): PolicySource {
  const measure = prometheus(registry, 'torwacht_kube_');
  const say = faults(log);
  const observe: Observe = (one) => {
    say(one);
    measure(one);
  };
  const client = createClient(connection(), { fieldManager: 'torwacht-agent', observe });
  const stopped = new AbortController();
  let changed: Parameters<PolicySource['start']>[0] = () => undefined;
  let running: Promise<unknown> = Promise.resolve();
  const consumer = new Consumer({
    ...{ client, node, folder: keep, observe },
    changed(what) {
      changed(what);
      reporter.nudge();
    },
    refused(namespaces) {
      const error = facts.pods().refusal(namespaces);
      return error === undefined ? undefined : { ...problemOf(error), reason: 'PodsUnchanged' };
    },
    fault: (error) => log.error(fields(error), 'what was in force before stays'),
  });
  const reporter: Reporter = new Reporter({
    client,
    clock: systemClock,
    agent: () => consumer.agent,
    facts: () => factsOf(facts, consumer),
    nodes: () => consumer.nodes,
    fault: (error) => log.warn(fields(error), 'the status of this node was not written'),
  });
  consumer.open();
  return {
    // Somebody has deleted just this object.
    released: 'deny',
    documents: (namespace) => consumer.documents(namespace),
    isGood: () => consumer.isTold && !consumer.hasProblem,
    problems: () =>
      consumer.isTold ? [] : ['nobody has said yet which bindings this node must hold'],
    leaving: () => leaveAnnotation in (consumer.agent?.metadata.annotations ?? {}),
    start(tell) {
      changed = tell;
      running = Promise.all([consumer.run(stopped.signal), reporter.run(stopped.signal)]);
      const timer = setInterval(() => reporter.nudge(), LOOK);
      stopped.signal.addEventListener('abort', () => clearInterval(timer));
    },
    async stop() {
      stopped.abort();
      await running;
      client.close();
    },
  };
}

function connection(): Connection {
  try {
    return findConnection();
  } catch (cause) {
    throw failure(errors.noApi, { reason: (cause as Error).message }, cause);
  }
}

function factsOf(facts: NodeFacts, consumer: Consumer): Facts {
  const { held, failed } = facts.pods();
  return {
    version: facts.version,
    kernel: release(),
    capabilities: facts.capabilities(),
    hostProblems: facts.hostProblems(),
    connected: facts.connected(),
    left: facts.left(),
    bindings: consumer.bindings(),
    pods: { enforced: held, failed },
  };
}

/** Tells the first failure of a watch and its end, not each try in between. */
function faults(log: Logger): Observe {
  const failing = new Set<string>();
  return (one) => {
    if (one.type === 'watch-failed' && !failing.has(one.resource)) {
      failing.add(one.resource);
      const { resource } = one;
      log.warn({ resource, ...fields(one.error) }, 'the API server is not followed');
    } else if ((one.type === 'listed' || one.type === 'event') && failing.delete(one.resource)) {
      log.info({ resource: one.resource }, 'the API server is followed again');
    } else if (one.type === 'listener-failed') {
      log.error({ resource: one.resource, ...fields(one.error) }, 'a fault of ours');
    }
  };
}
