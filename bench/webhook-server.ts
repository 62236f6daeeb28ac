/** The webhook's server alone, for its bench: prints its port and its authority as one line of JSON. */
import { runnerBindingSchema } from '#api/runner-binding.ts';
import { issueAuthority, issueLeaf } from '#kube/certificates/issue.ts';
import { worldOf } from '#webhook/objects/world.ts';
import { serveReviews } from '#webhook/server/server.ts';
import { bindingNames, bindingsOf, written } from '../test/admission/table/bindings.ts';

/** As in a cluster with many namespaces; one of them is asked about. */
const NAMESPACES = 50;

const now = Date.now();
const authority = await issueAuthority('test', { now, lasts: 3600_000 });
const others = Array.from({ length: NAMESPACES }, (_, i) => {
  const metadata = { name: 'runners', namespace: `ns-${i}` };
  return runnerBindingSchema.parse({ ...written('plain'), metadata });
});
const all = [...bindingNames.flatMap(bindingsOf), ...others];
const { port } = await serveReviews({
  address: '127.0.0.1',
  port: 0,
  pair: await issueLeaf(authority, ['127.0.0.1'], { now, lasts: 3600_000 }),
  world: worldOf(all),
  outside: 'refuse',
});
process.stdout.write(`${JSON.stringify({ port, authority: authority.certificate })}\n`);
