/** For tests: a whole resolver between an authority and servers on loopback. */
import type { TestContext } from 'node:test';
import { decodeQuery } from '#dns/codec/query.ts';
import type { LearnedAddress, RefusedQuery } from '#dns/ports.ts';
import { createResolver, type Resolver } from '#dns/resolver.ts';
import { judgeBy } from '#dns/testing/verdicts.ts';
import { type AnswerShape, a, wireAnswer } from '#dns/testing/wire.ts';
import type { Answerer, Listening } from '../listen.ts';
import { createRandom16 } from '../random.ts';
import { listenByTcp } from '../tcp-server.ts';
import { listenByUdp } from '../udp-server.ts';
import { createUpstream } from '../upstream.ts';
import { startAuthority } from './authority.ts';

export const ATTACHED_TEXT = 'attached protocol=1 version=0.0.0 mode=Block policy=none guards=';

/** What the authority says of any other name than these: NXDOMAIN. */
const zone: Readonly<Record<string, AnswerShape>> = {
  'www.test': { answers: [a('www.test', '203.0.113.1')] },
  'many.test': { answers: Array.from({ length: 32 }, (_, i) => a('many.test', `203.0.113.${i}`)) },
  'inside.test': { answers: [a('inside.test', '10.0.0.1')] },
};

export interface Served {
  readonly port: number;
  readonly resolver: Resolver;
  readonly learned: [name: string, addresses: readonly LearnedAddress[]][];
  readonly refused: RefusedQuery[];
}

/** `www.test`, `many.test`, `inside.test` and `gone.test` are allowed; ends with the test. */
export async function serve(t: TestContext): Promise<Served> {
  const authority = await startAuthority(t, ({ query }) => {
    const asked = decodeQuery(query);
    const shape = typeof asked === 'object' ? zone[asked.name] : undefined;
    return [wireAnswer(query, shape ?? { rcode: 3 })];
  });
  const random = createRandom16();
  const clock = (): number => performance.now();
  const upstream = createUpstream({ servers: [authority.server], random, clock });
  t.after(() => upstream.close());
  const learned: Served['learned'] = [];
  const refused: RefusedQuery[] = [];
  const judge = judgeBy({
    'www.test': 'allowed',
    'many.test': 'allowed',
    'inside.test': 'allowed',
    'gone.test': 'allowed',
  });
  const resolver = createResolver({
    judge: () => judge,
    mode: () => 'Block',
    attached: () => ATTACHED_TEXT,
    upstream,
    sink: {
      prepare: () => undefined,
      abandon: () => undefined,
      learn: (name, addresses) => learned.push([name, addresses]),
    },
    evidence: { refused: (query) => refused.push(query), allowed: () => {} },
    clock,
    random,
  });
  const answer: Answerer = (request, client) => resolver.handle(request, client);
  const { port, servers } = await listenByBoth(answer);
  for (const server of servers) t.after(() => server.close());
  return { port, resolver, learned, refused };
}

/** UDP and TCP on one port: that of the one may be taken for the other. */
async function listenByBoth(
  answer: Answerer,
  attempts = 50,
): Promise<{ port: number; servers: Listening[] }> {
  const address = '127.0.0.1';
  const udp = await listenByUdp({ answer, where: { address, port: 0 } });
  try {
    const tcp = await listenByTcp({ answer, where: { address, port: udp.port } });
    return { port: udp.port, servers: [udp, tcp] };
  } catch (error) {
    await udp.close();
    if (attempts <= 1) throw error;
    return await listenByBoth(answer, attempts - 1);
  }
}
