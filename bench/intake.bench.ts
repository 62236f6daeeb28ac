/**
 * What rows of evidence cost the operator, stage by stage: taken over gRPC and TLS with the token looked at, and
 * then made Violations, and then kept as history; and what it holds of a thousand nodes. Rows a second of the
 * process's own processor time; its API server is in memory and counts with it, its history is in a file.
 */
import { caller } from '#operator/intake/testing/served.ts';
import { rowOf } from '#operator/violations/testing/rows.ts';
import { type Figure, figure } from './figure.ts';
import { residentMegabytes } from './memory.ts';
import { processorSeconds, startServer, told } from './server.ts';
import { median, spread } from './statistics.ts';

const NODES = 1000;
const SENDING = 16;
const ROWS = 100;
const ROUNDS = 5;
const ROUND_MS = 1500;
/** As images/operator/Containerfile has them. */
const FLAGS = ['--max-semi-space-size=8', '--max-old-space-size=224'];
/** Of each node: what one job tries, again and again. */
const DESTINATIONS = 20;

const stages = [
  ['nothing', 'intake: rows taken (TLS, token, checks)'],
  ['violations', 'intake: and counted in Violations'],
  ['all', 'intake: and kept as history'],
] as const;

export async function run(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  let baseline: number | undefined;
  for (const [kept, name] of stages) {
    const server = startServer('intake-server.ts', [kept, String(NODES)], FLAGS);
    try {
      const { port, authority } = await told(server);
      const pid = server.pid ?? 0;
      const alone = residentMegabytes(pid);
      const agents = Array.from({ length: NODES }, (_, node) => new Agent(port, authority, node));
      // Every node has its connection, and has sent something.
      for (let at = 0; at < NODES; at += SENDING) {
        await Promise.all(agents.slice(at, at + SENDING).map((agent) => agent.send()));
      }
      const sending = agents.slice(0, SENDING);
      const rates: number[] = [];
      for (let round = 0; round < ROUNDS; round++) rates.push(await rateOf(sending, pid));
      figures.push(
        figure({
          ...{ name, unit: '/s', value: median(rates), spread: spread(rates) },
          ...(baseline !== undefined && { baseline }),
        }),
      );
      baseline ??= median(rates);
      if (kept === 'all') {
        const value = residentMegabytes(pid);
        figures.push(
          figure({
            name: `intake: memory with ${NODES} nodes`,
            unit: 'MB',
            value,
            baseline: alone,
          }),
        );
      }
      for (const agent of agents) agent.close();
    } finally {
      server.kill();
    }
  }
  return figures;
}

/** Rows a second of the server's processor time. */
async function rateOf(agents: readonly Agent[], pid: number): Promise<number> {
  const before = processorSeconds(pid);
  const end = performance.now() + ROUND_MS;
  let rows = 0;
  await Promise.all(
    agents.map(async (agent) => {
      while (performance.now() < end) rows += await agent.send();
    }),
  );
  return rows / (processorSeconds(pid) - before);
}

/** One node's, with a connection of its own. */
class Agent {
  readonly #caller: ReturnType<typeof caller>;
  readonly #node: number;
  #seq = 0;

  constructor(port: number, ca: string, node: number) {
    this.#caller = caller(port, { ca });
    this.#node = node;
  }

  /** A batch, until it is taken. @returns how many rows it had */
  async send(): Promise<number> {
    const seqs = Array.from({ length: ROWS }, () => ++this.#seq);
    const event = rowOf({
      project_id: String(this.#node),
      target: `pod-${this.#node}`,
      ip: `192.0.2.${1 + (this.#seq % DESTINATIONS)}`,
    });
    const node = `n${this.#node}`;
    const outcome = await this.#caller.send(`token-${this.#node}`, { node, seqs, event }).outcome;
    if (outcome.status !== 'OK') throw new Error(`a batch was not taken: ${outcome.status}`);
    return ROWS;
  }

  close(): void {
    this.#caller.close();
  }
}
