/** `torwacht-webhook`: answers the API server's questions about pods and about our own objects. */
import { pino } from 'pino';
import { exitCodes, TorwachtError } from '#api/error.ts';
import { createClient, findConnection, inCluster } from '#kube/index.ts';
import { readOptions, usage } from './options.ts';
import { startWebhook } from './webhook.ts';

const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime });

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage);
    return;
  }
  const options = readOptions(args);
  const connection =
    options.kubeconfig === undefined ? inCluster() : findConnection({ path: options.kubeconfig });
  const client = createClient(connection, { fieldManager: 'torwacht-webhook' });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
  const { ended } = await startWebhook({ options, client, log }, stop.signal);
  await ended;
  client.close();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const { message, hint = '', exit = 'internal' } = error as TorwachtError;
  log.fatal({ err: error instanceof TorwachtError ? undefined : error, hint }, message);
  process.exitCode = exitCodes[exit];
}
