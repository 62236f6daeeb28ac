/** A webhook's delivery as the agent has it, with a bound, a disk and a clock of the test's choice. */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { Poster } from '#delivery/post.ts';
import type { Received } from '#delivery/testing/receiver.ts';
import { Backlog } from '../backlog.ts';
import { Delivery } from '../delivery.ts';
import type { Receiver } from '../output.ts';
import { Spool } from '../spool.ts';
import { type OutputTold, untold } from '../told.ts';
import { Webhook } from '../webhook.ts';
import { countingTally } from './rows.ts';

export interface Change {
  readonly url: URL;
  /** Undefined: in memory alone. */
  readonly folder?: string;
  readonly bound?: number;
  readonly memory?: number;
  /** Of one answer, ms. */
  readonly timeout?: number;
  readonly receiver?: Receiver;
  readonly told?: OutputTold;
}

export function openOutput({ url, folder, bound = 64 << 20, memory = 8192, ...rest }: Change) {
  const tally = countingTally();
  const [waits, troubles, faults]: [number[], (string | undefined)[], unknown[]] = [[], [], []];
  const instance = randomUUID();
  const unreadable = (rows: number) => tally.dropped(rows, 'unreadable');
  const spool = folder
    ? new Spool({ folder, bound, instance, started: Date.now(), unreadable })
    : undefined;
  const { told = untold } = rest;
  const fault = (error: unknown) => void faults.push(error);
  const common = { userAgent: 'test', secretFile: undefined, now: Date.now };
  const receiver =
    rest.receiver ?? new Webhook({ ...common, poster: new Poster(url, rest.timeout) });
  const output = new Delivery({
    name: 'test',
    backlog: new Backlog({ instance, spool, memory, pause: 5, told, fault }),
    receiver,
    ...{ tally, told },
    random: () => 0,
    // So that a receiver that is away is asked often, and not without end.
    async pause(ms) {
      waits.push(ms);
      await setImmediate();
    },
    trouble: (why) => void troubles.push(why),
  });
  return { output, tally, instance, waits, troubles, faults };
}

/** `instance/seq` of all rows that a receiver got, as often as it got them. */
export function idsOf(received: readonly Received[]): readonly string[] {
  return received.flatMap(({ body }) => {
    const { instance, events } = JSON.parse(body) as {
      instance: string;
      events: readonly { seq: number }[];
    };
    return events.map(({ seq }) => `${instance}/${seq}`);
  });
}
