/**
 * An agent's consumer in a process of its own, for its memory: waits for bundles, compiles them for one pod as an
 * agent does, and prints what that took as one line of JSON.
 *
 * Usage: node --expose-gc consume.ts NODE FOLDER NAMESPACE; $KUBECONFIG says who it is
 */
import { Consumer } from '#agent/cluster/consumer.ts';
import { governed } from '#agent/pods/governed.ts';
import { createClient, findConnection } from '#kube/index.ts';

const [node = '', folder = '', namespace = ''] = process.argv.slice(2);

function memory() {
  global.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heapUsed };
}

const stopped = new AbortController();
const consumer = new Consumer({
  client: createClient(findConnection(), { fieldManager: 'torwacht-agent' }),
  node,
  folder,
  changed: () => look(),
  refused: () => undefined,
  fault: (error) => process.stderr.write(`${error}\n`),
});
const before = memory();
const began = performance.now();

function look(): void {
  if (!consumer.bindings().every(({ digest }) => digest !== undefined)) return;
  const documents = consumer.documents(namespace);
  if (documents === undefined || documents.length === 0) return;
  const ms = Math.round(performance.now() - began);
  const held = memory();
  const sandbox = { namespace, labels: { 'project.runner.gitlab.com/id': '7' }, annotations: {} };
  const policy = governed(documents, sandbox)?.policy;
  const compiled = memory();
  process.stdout.write(
    `${JSON.stringify({ before, held, compiled, ms, names: policy?.names.length })}\n`,
  );
  stopped.abort();
}

consumer.open();
await consumer.run(stopped.signal);
process.exit(0);
