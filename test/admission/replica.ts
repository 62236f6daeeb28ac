/** The webhook beside a real API server: started as in a pod, called by an address of the loopback. */
import { pino } from 'pino';
import type { Lifetimes } from '#kube/certificates/plan.ts';
import { createClient, fromKubeconfig } from '#kube/index.ts';
import { readOptions } from '#webhook/options.ts';
import { type Running, startWebhook } from '#webhook/webhook.ts';
import type { ApiServer, Ending } from '../apiserver/server.ts';
import { waitFor } from '../cluster/wait.ts';

export interface Replica extends Running {
  stop(): Promise<void>;
}

export interface ReplicaSettings {
  readonly lifetimes?: Lifetimes;
  /** The administrator's unless told. */
  readonly kubeconfig?: string;
  /** Any unless told. */
  readonly port?: number;
}

/** Ready when it resolves. Needs the namespace `torwacht`. */
export async function startReplica(
  api: ApiServer,
  ending: Ending,
  { lifetimes, kubeconfig = api.kubeconfig, port = 0 }: ReplicaSettings = {},
): Promise<Replica> {
  const stop = new AbortController();
  const client = createClient(fromKubeconfig({ path: kubeconfig }), {
    fieldManager: 'torwacht-webhook',
  });
  const listen = ['--listen', `127.0.0.1:${port}`, '--health', '127.0.0.1:0'];
  const running = await startWebhook(
    {
      options: readOptions(listen),
      client,
      log: pino({ level: process.env.TORWACHT_LOG ?? 'silent' }),
      names: ['127.0.0.1'],
      ...(lifetimes === undefined ? {} : { lifetimes }),
    },
    stop.signal,
  );
  const end = async () => {
    stop.abort();
    await running.ended;
    client.close();
  };
  ending.after(end);
  await waitFor('the webhook is ready', () => running.problems().length === 0, { everyMs: 20 });
  return {
    ended: running.ended,
    healthPort: running.healthPort,
    problems: running.problems,
    get port() {
      return running.port;
    },
    stop: end,
  };
}

interface Configuration {
  readonly metadata: { readonly name: string };
  readonly webhooks: readonly {
    readonly clientConfig: { readonly service: { readonly path: string } };
  }[];
}

/** A configuration of config/webhook, with time to answer, whose webhooks are called at a port of the loopback. */
export function calledAt(port: number, configuration: Configuration): object {
  return {
    ...configuration,
    webhooks: configuration.webhooks.map((webhook) => ({
      ...webhook,
      // How fast this machine is decides no test.
      timeoutSeconds: 30,
      clientConfig: { url: `https://127.0.0.1:${port}${webhook.clientConfig.service.path}` },
    })),
  };
}
