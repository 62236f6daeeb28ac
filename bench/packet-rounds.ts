/**
 * Rounds of the packet bench. All scenarios are gone through several times, some rounds of each at a
 * time: a machine that is slower for some seconds (a neighbour on the same core) then falls on a few rounds
 * of every scenario, where the median passes it over, and not on all rounds of one.
 */
import type { Lab } from '../test/lab/lab.ts';
import { type Lane, PORT } from './lanes.ts';
import { interleave } from './statistics.ts';
import { startInLab, type Worker } from './worker.ts';

/** Each with sockets of its own: where one lies in memory is worth some nanoseconds. */
const GROUPS = 8;
const ROUNDS = 6;
/** Enough that the sender's switch does not show, few enough for many rounds. */
const PACKETS = 4_000;

/** A kind of traffic, as bench/sender.c knows it. */
export interface Traffic {
  readonly kind: 'udp' | 'connected' | 'tcp' | 'fresh';
  readonly addresses: readonly string[];
  readonly packets?: number;
}

interface Scenario {
  readonly lanes: readonly Lane[];
  readonly traffic: Traffic;
  /** By lane, ns a packet in each round. */
  readonly measured: number[][];
}

export class PacketRounds {
  readonly #lab: Lab;
  readonly #sender: string;
  readonly #scenarios: Scenario[] = [];

  constructor(lab: Lab, sender: string) {
    this.#lab = lab;
    this.#sender = sender;
  }

  /** The same traffic in each of these lanes. */
  add(lanes: readonly Lane[], traffic: Traffic): void {
    this.#scenarios.push({ lanes, traffic, measured: lanes.map(() => []) });
  }

  /** By scenario, in the order in which they were added, and by lane: ns a packet in each round. */
  async measure(): Promise<number[][][]> {
    for (let group = 0; group < GROUPS; group++) {
      for (const scenario of this.#scenarios) await this.#group(scenario);
    }
    return this.#scenarios.map(({ measured }) => measured);
  }

  async #group({ lanes, traffic, measured }: Scenario): Promise<void> {
    const { kind, addresses, packets = PACKETS } = traffic;
    const args = [kind, String(PORT), '1', ...addresses];
    const workers: Worker[] = [];
    try {
      const costs = lanes.map((lane) => {
        const worker = startInLab(this.#lab, 'host', this.#sender, args);
        workers.push(worker);
        worker.enter(lane.cgroup);
        return () => cost(lane, worker, packets);
      });
      const values = await interleave(costs, ROUNDS);
      for (const [i, rounds] of values.entries()) measured[i]?.push(...rounds);
    } finally {
      for (const worker of workers) await worker.end();
    }
  }
}

/** ns that one packet cost. */
async function cost(lane: Lane, worker: Worker, packets: number): Promise<number> {
  // TCP sends when it may; a round in which it did not is no measurement.
  for (let attempt = 0; attempt < 10; attempt++) {
    const before = lane.stats();
    const [sent] = (await worker.ask(String(packets))).split(' ');
    if (Number(sent) !== packets) throw new Error(`only ${sent} packets were taken`);
    const after = lane.stats();
    const seen = after.packets - before.packets;
    if (seen > 0) return (after.nanoseconds - before.nanoseconds) / seen;
  }
  throw new Error(`no packet of ${lane.name} was seen`);
}
