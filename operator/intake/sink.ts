/**
 * Where rows of evidence go once it is known whose they are. The intake calls every sink with the same batches; a
 * sink knows nothing of connections, tokens or other sinks.
 */
import type { EgressEvent } from '#api/event.ts';

/** A row with its number: a source numbers what it sends from 1, and a gap is what it had to drop. */
export interface NumberedEvent {
  readonly seq: number;
  /** Escaped, masked and valid; `added` is what it says beyond earlier events of the same `id`. */
  readonly event: EgressEvent;
}

export interface EventBatch {
  /** The node whose agent sent it, as the API server says of its token. */
  readonly node: string;
  /** One life of that agent's process, unique among all of all nodes; numbers are of it. */
  readonly source: string;
  /** In ascending order of their numbers; none twice, and none that this process had sinks take before. */
  readonly events: readonly NumberedEvent[];
}

export interface EventSink {
  /** Of its metrics: a word. */
  readonly name: string;
  /**
   * Called on the replica that leads, for several sources at once and for one source in order. Resolves when the
   * batch is kept so well that nobody has to send it again: only then the agent forgets it.
   *
   * Rejects where it is not: the agent sends it again, and this sink alone is asked again. So a sink that would
   * rather lose rows than hold up the others counts them and resolves. After the death of this process a batch may
   * come that was taken before: what must not count twice is kept together with `source` and `seq`.
   *
   * @param signal aborted when nobody waits any more: the agent has gone, or this replica does not lead
   */
  take(batch: EventBatch, signal: AbortSignal): Promise<void>;
}
