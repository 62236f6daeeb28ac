/**
 * Where targets come from: a container runtime that is asked what runs, then followed. Nothing below this
 * knows what a pod is.
 */

/** A group of containers that share a network namespace and a cgroup: a pod's sandbox. */
export interface Sandbox {
  /** The runtime's own id. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whoever creates a pod chooses them, and often whoever writes a job does. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Endings that its resolvers try with each name, in lower case. */
  readonly searches: readonly string[];
  /** Of its process; null: the runtime has only prepared it so far. */
  readonly pid: number | null;
  /** Path of its network namespace. */
  readonly netns: string;
  /** The pod has no network namespace of its own. */
  readonly hostNetwork: boolean;
  /** The cgroup above all of its containers, as a path within the v2 tree. */
  readonly cgroup: string;
}

export interface WatchHandlers {
  /**
   * One that has just begun, or that was found where nobody had told of it; before that, if possible, the same one
   * without a process.
   */
  started(sandbox: Sandbox): void;
  /** Its process has ended; others of its cgroup may live on. */
  ended(id: string): void;
  /** All that run now, after every connect: what is not among them ended meanwhile. */
  listed(sandboxes: readonly Sandbox[]): void;
  /** What went wrong; watching goes on. */
  fault(error: unknown): void;
}

/** Whose a cgroup is: what one row of evidence asks, while others wait for nothing. */
export interface ContainerNaming {
  /**
   * The name of the container, ended or not, whose cgroup's folder is called so. Null where nobody knows one;
   * it rejects never.
   */
  containerName(cgroup: string): string | null | Promise<string | null>;
}

export interface ContainerWatcher extends ContainerNaming {
  /** For messages and metrics: `containerd 1.6.20`, once it is known. */
  readonly runtime: string;
  /** Follows from now on, through restarts of the runtime, until `close`. */
  start(handlers: WatchHandlers): void;
  /** Tells of all that run now once more: others of them may be of interest. */
  list(): void;
  close(): void;
}
