/** `torwacht alerts test`: has the operator send a test to the alert routes of a binding. */
import * as z from 'zod';
import { failure } from '#api/error.ts';
import { quoted } from '#policy/problem.ts';
import { type ClusterFlags, withCluster } from '../cluster/cluster.ts';
import { type Io, printable, styled } from '../policy/io.ts';
import { askOperator } from './ask.ts';
import { errors } from './errors.ts';

export interface AlertsTestFlags extends ClusterFlags {
  readonly binding: string;
  readonly route?: string;
  readonly operatorNamespace: string;
  readonly json?: boolean;
}

const resultsSchema = z.object({
  results: z.array(
    z.object({
      receiver: z.string(),
      name: z.string(),
      taken: z.boolean(),
      why: z.string().nullable(),
    }),
  ),
});

/** Exit status where a receiver did not take it. */
const NOT_TAKEN = 1;

/** 0 when all receivers took it, 1 when one did not. @throws TW_ALERTS_NO_ROUTE, TW_ASK_*, TW_KUBE_* */
export function testAlerts(flags: AlertsTestFlags, io: Io): Promise<number> {
  return withCluster(flags, async (cluster) => {
    const binding = `${cluster.namespace}/${flags.binding}`;
    const query = { binding, route: flags.route };
    const answer = await askOperator(cluster, flags.operatorNamespace, {
      ...{ method: 'POST', path: '/v1/alerts/test', query },
    });
    const { results } = resultsSchema.parse(answer);
    if (results.length === 0) {
      const name = flags.route === undefined ? '' : ` ${quoted(flags.route)}`;
      throw failure(errors.noRoute, { binding: quoted(binding), name });
    }
    if (flags.json) io.stdout.write(`${JSON.stringify({ binding, results }, null, 2)}\n`);
    else for (const one of results) io.stdout.write(`${resultText(one, io)}\n`);
    return results.every(({ taken }) => taken) ? 0 : NOT_TAKEN;
  });
}

function resultText(
  { receiver, name, taken, why }: z.infer<typeof resultsSchema>['results'][number],
  io: Io,
): string {
  const outcome = taken ? styled(io, 'green', 'sent') : styled(io, 'red', 'not sent');
  return printable(`${receiver} ${name}: `) + outcome + printable(why === null ? '' : `: ${why}`);
}
