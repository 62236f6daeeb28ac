/**
 * Writes the status of this node: soon where something that people wait for has changed, seldom where only
 * counts have, never where nothing has. There is no heartbeat: that a node is alive the kubelet says, and of
 * the agent's own pod as well.
 */
import {
  apiTime,
  applyStatus,
  type Client,
  type Clock,
  type Condition,
  sleep,
} from '#kube/index.ts';
import { type NodeAgentObject, nodeAgents } from './resources.ts';
import { type Facts, type NodeStatus, statusOf } from './status.ts';

/**
 * Before a write, at random up to this for each node of the fleet, ms: an edit reaches all nodes at the same
 * moment. All agents are one account to the API server, which lets some 250 requests of it work and 300 wait,
 * and sends the others away; a write takes it 15 to 30 ms of one core.
 */
const TURN = 10;
const LONGEST_TURN = 60_000;
/** Nodes, where nobody has said how many there are. */
const SOME = 100;
/** One write in this time on the average, ms; what comes in between is told by the next. */
const GAP = 5000;
/** Writes that need not wait for that after a quiet time: the first change is told at once. */
const BURST = 3;
/** How often counts are told, ms; plus or minus half by chance. */
const COUNTS = 300_000;
/** After a failure; doubled up to `LONGEST`, ms. */
const FIRST = 1000;
const LONGEST = 60_000;

export interface ReporterOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Our object as it was seen last. */
  agent(): NodeAgentObject | undefined;
  facts(): Facts;
  /** How many nodes there are; undefined where nobody has said so. */
  nodes(): number | undefined;
  fault(error: unknown): void;
}

export class Reporter {
  readonly #options: ReporterOptions;
  #wake: AbortController | undefined;
  /** What was written last that is not counted by the clock. */
  #said = '';
  #failures = 0;
  /** When as many writes as `BURST` may follow one another again, ms. */
  #rested = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Something may have changed: looks now, where it waits for the next time. */
  nudge(): void {
    this.#wake?.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let countsAt = 0;
    while (!signal.aborted) {
      const due = clock.monotonic() >= countsAt;
      if (due || this.#hasNews()) {
        await sleep(clock, this.#turn(), signal);
        if (signal.aborted) return;
        const told = await this.#tell(signal);
        if (told) countsAt = clock.monotonic() + COUNTS * (0.5 + clock.random());
        await sleep(clock, told ? this.#gap() : this.#backOff(), signal);
      } else {
        await this.#rest(Math.max(1, countsAt - clock.monotonic()), signal);
      }
    }
  }

  /** Until it is nudged, at most so long. */
  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    await sleep(this.#options.clock, ms, AbortSignal.any([signal, this.#wake.signal]));
    this.#wake = undefined;
  }

  #turn(): number {
    const { clock, nodes } = this.#options;
    return Math.min(TURN * (nodes() ?? SOME), LONGEST_TURN) * clock.random();
  }

  /** How long until the next write may be. */
  #gap(): number {
    return Math.max(0, this.#rested - (BURST - 1) * GAP - this.#options.clock.monotonic());
  }

  #backOff(): number {
    const { clock } = this.#options;
    const doubled = FIRST * 2 ** Math.min(this.#failures, 10);
    return Math.min(doubled, LONGEST) * (0.5 + clock.random());
  }

  #hasNews(): boolean {
    const agent = this.#options.agent();
    return agent !== undefined && newsOf(this.#status(agent), agent) !== this.#said;
  }

  async #tell(signal: AbortSignal): Promise<boolean> {
    const agent = this.#options.agent();
    if (agent === undefined) return true;
    const status = this.#status(agent);
    try {
      const { client, clock } = this.#options;
      const written = await applyStatus(client, nodeAgents, agent, { ...status }, { signal });
      if (written) this.#rested = Math.max(this.#rested, clock.monotonic()) + GAP;
      this.#said = newsOf(status, agent);
      this.#failures = 0;
      return true;
    } catch (error) {
      if (!signal.aborted && this.#failures === 0) this.#options.fault(error);
      this.#failures += 1;
      return false;
    }
  }

  #status({ metadata, status }: NodeAgentObject): NodeStatus {
    const { clock, facts } = this.#options;
    const before = status?.conditions as readonly Condition[] | undefined;
    return statusOf(facts(), metadata.generation, before, apiTime(clock.wall()));
  }
}

/** All but counts and times, and which object it is said of. */
function newsOf({ pods: _, conditions, ...rest }: NodeStatus, agent: NodeAgentObject): string {
  const said = conditions.map(({ lastTransitionTime: __, ...condition }) => condition);
  return JSON.stringify([agent.metadata.uid, said, rest]);
}
