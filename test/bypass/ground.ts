/**
 * Where attempts are made: once free, once held. `run-ground.ts` is `torwacht run` on this host; a pod or
 * a virtual machine is another one.
 */
import type { EgressEvent } from '#api/event.ts';
import type { Furniture, Witness } from './technique.ts';

/** What the probe said of each step. */
export type Outcomes = Readonly<{ [step: string]: string }>;

export interface Held {
  readonly outcomes: Outcomes;
  readonly events: readonly EgressEvent[];
  /** What else the run said, for whoever reads a failure. */
  readonly said: string;
}

export interface HeldOptions {
  readonly opened?: readonly string[];
}

export interface Ground {
  /** Without enforcement: one process, the steps in order. */
  free(steps: readonly string[], options?: HeldOptions): Promise<Outcomes>;
  /** The same, enforced. */
  held(steps: readonly string[], options?: HeldOptions): Promise<Held>;
  /** How often each witness has seen its attempt, up to now. */
  seen(witnesses: readonly Witness[]): readonly number[];
}

/** Packets that arrived at the other side, as test/lab counts them. */
interface Arrival {
  readonly address: string;
  readonly protocol: string;
  readonly port?: number;
  readonly packets: number;
}

export function count(
  witness: Witness,
  arrivals: readonly Arrival[],
  { dns = [], sinks = [] }: Furniture,
): number {
  if ('packets' in witness) {
    const { packets: address, port, protocol } = witness;
    return arrivals
      .filter((one) => one.address === address && one.port === port)
      .filter((one) => protocol === undefined || one.protocol === protocol)
      .reduce((sum, one) => sum + one.packets, 0);
  }
  if ('bytes' in witness) {
    const wanted = Buffer.from(witness.bytes, 'latin1').toString('hex');
    return dns.flatMap((server) => server.asked()).filter(({ message }) => message.includes(wanted))
      .length;
  }
  if ('asked' in witness) {
    const wanted = witness.asked.toLowerCase();
    return dns
      .flatMap((server) => server.asked())
      .filter(({ name }) => name.toLowerCase() === wanted).length;
  }
  return sinks
    .flatMap((sink) => sink.log())
    .filter(({ body, path }) => `${path ?? ''} ${body ?? ''}`.includes(witness.text)).length;
}
