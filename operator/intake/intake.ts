/** What a batch meets once its sender is known: is it one, is it the sender's, and then every sink. */
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Batch, Taken } from '#api/gen/intake.ts';
import { type Clock, isKubeError } from '#kube/index.ts';
import { Fan } from './fan.ts';
import { Gate, type IntakeLimits } from './gate.ts';
import { Guard, notLeading, refusal, tooMuch } from './guard.ts';
import { type Read, readBatch } from './read.ts';
import type { EventSink } from './sink.ts';
import type { Tokens } from './tokens.ts';

export interface IntakeCounts {
  /** By the status that it was answered with. */
  batch(code: status): void;
  rows(count: number, outcome: 'taken' | 'repeated' | 'refused'): void;
}

export interface IntakeParts {
  readonly tokens: Tokens;
  readonly sinks: readonly EventSink[];
  readonly limits: IntakeLimits;
  readonly clock: Clock;
  leads(): boolean;
  readonly counts?: IntakeCounts;
  /** A batch could not be kept, or was none. */
  readonly fault?: (node: string, why: unknown) => void;
}

type Answer = Taken | ReturnType<typeof refusal>;

export class Intake {
  readonly guard: Guard;
  readonly #parts: IntakeParts;
  readonly #gate: Gate;
  readonly #fan: Fan;
  /** Sources of which a batch is on its way to the sinks. */
  readonly #busy = new Set<string>();

  constructor(parts: IntakeParts) {
    const { tokens, limits, clock, leads, counts } = parts;
    this.#parts = parts;
    this.#gate = new Gate(limits, clock);
    this.#fan = new Fan(parts.sinks);
    this.guard = new Guard({
      ...{ tokens, leads, gate: this.#gate },
      refused: (code) => counts?.batch(code),
    });
  }

  /** Batches that are on their way in. */
  get inside(): number {
    return this.#gate.inside;
  }

  /** This replica leads anew: others may have taken rows since. */
  begin(): void {
    this.#fan.clear();
  }

  readonly deliver = async (
    call: ServerUnaryCall<Batch, Taken>,
    done: sendUnaryData<Taken>,
  ): Promise<void> => {
    const admitted = this.guard.take(call.metadata);
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort(new Error('the agent does not wait any more')));
    try {
      const answer =
        admitted === undefined
          ? refusal(status.UNAUTHENTICATED, 'nobody has let it in')
          : await this.#take(call.request, admitted.node, gone.signal);
      this.#parts.counts?.batch('code' in answer ? answer.code : status.OK);
      if ('code' in answer) done(answer);
      else done(null, answer);
    } catch (error) {
      this.#parts.fault?.(admitted?.node ?? '', error);
      done(refusal(status.INTERNAL, 'a fault in the operator'));
    } finally {
      admitted?.leave();
    }
  };

  async #take(request: Batch, node: string, signal: AbortSignal): Promise<Answer> {
    const { counts, fault } = this.#parts;
    if (request.node !== node) {
      fault?.(node, 'it sends rows of another node');
      return refusal(status.PERMISSION_DENIED, `the token is of ${node}, the batch is not`);
    }
    const read = readBatch(request);
    if (typeof read === 'string') {
      fault?.(node, read);
      return refusal(status.INVALID_ARGUMENT, read);
    }
    if (read.refused > 0) {
      counts?.rows(read.refused, 'refused');
      fault?.(node, read.why);
    }
    const { source } = read.batch;
    if (this.#busy.has(source)) return tooMuch('the batch before is not kept yet');
    if (!this.#gate.mayBring(node, request.rows.length)) return tooMuch('too many rows');
    this.#busy.add(source);
    try {
      return await this.#keep(read, signal);
    } finally {
      this.#busy.delete(source);
    }
  }

  async #keep({ batch, last, refused, why }: Read, signal: AbortSignal): Promise<Answer> {
    const { counts, fault } = this.#parts;
    try {
      const fresh = await this.#fan.take(batch, signal);
      counts?.rows(fresh, 'taken');
      counts?.rows(batch.events.length - fresh, 'repeated');
      return { seq: BigInt(last), refused, why };
    } catch (error) {
      if (isKubeError(error, 'KUBE_NOT_LEADER')) return notLeading();
      if (!signal.aborted) fault?.(batch.node, error);
      return refusal(status.UNAVAILABLE, 'the rows could not be kept');
    }
  }
}
