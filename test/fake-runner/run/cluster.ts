/** What a run needs of a cluster. `kubectl.ts` is the real one. */
import type { Pod } from '../pod/pod.ts';

export interface PodCondition {
  readonly reason?: string;
  readonly message?: string;
}

export interface ContainerState {
  readonly name: string;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

/** Of `status`, as far as the runner looks at it. */
export interface PodStatus {
  readonly phase: string;
  readonly deleting: boolean;
  readonly conditions: readonly PodCondition[];
  readonly containers: readonly ContainerState[];
}

export interface Place {
  readonly namespace: string;
  readonly pod: string;
}

/** The API server's words for why it did not take a pod. */
export class Refused extends Error {}

/** A command was not run to its end: the container or its pod is gone, or the connection is. */
export class Lost extends Error {}

export interface Typing {
  /** Why it could not be typed; null as long as nothing went wrong. */
  lost(): Lost | null;
  /** Not before what was typed shows an effect: nothing else tells that it has arrived. */
  end(): Promise<void>;
}

export interface Cluster {
  /** @throws Refused */
  create(pod: Pod): Promise<void>;
  /** Null when there is no such pod any more. */
  status(place: Place): Promise<PodStatus | null>;
  /** Messages of the pod's events of type Warning. */
  warnings(place: Place): Promise<string[]>;
  /** Runs a command in a container; what it printed. @throws Lost, also where its status is not 0 */
  exec(
    place: Place,
    container: string,
    command: readonly string[],
    input?: string,
  ): Promise<string>;
  /** Types something into a container's standard input, which stays open when typing has ended. */
  type(place: Place, container: string, input: string): Typing;
  delete(place: Place): Promise<void>;
}
