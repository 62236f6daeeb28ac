/** The names that Kubernetes gave to containers, by what containerd calls their cgroups. */
import type { ContainerdClient } from './client.ts';
import type { Container } from './gen/containers.ts';

/** Label of the kubelet; a sandbox has none. */
const NAME = 'io.kubernetes.container.name';
/** The last word of a container's cgroup: its id (cgroupfs), or a scope that is called after it (systemd). */
const CGROUP = /^(?:cri-containerd-)?([0-9a-f]{64})(?:\.scope)?$/;
/** The oldest are asked for once more. */
const MOST = 2048;

export class ContainerNames {
  readonly #client: Pick<ContainerdClient, 'container'>;
  readonly #fault: (error: unknown) => void;
  readonly #known = new Map<string, string | null>();

  constructor(client: Pick<ContainerdClient, 'container'>, fault: (error: unknown) => void) {
    this.#client = client;
    this.#fault = fault;
  }

  /** One that was just created, or just looked at: most names are known before anyone asks. */
  note({ id, labels }: Pick<Container, 'id' | 'labels'>): string | null {
    const name = labels[NAME] ?? null;
    this.#known.delete(id);
    this.#known.set(id, name);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST && oldest !== undefined) this.#known.delete(oldest);
    return name;
  }

  /** Of one that has ended as well, for as long as containerd has its record. Null: it has no name. */
  of(cgroup: string): string | null | Promise<string | null> {
    const id = CGROUP.exec(cgroup)?.[1];
    if (id === undefined) return null;
    const known = this.#known.get(id);
    return known === undefined ? this.#ask(id) : known;
  }

  async #ask(id: string): Promise<string | null> {
    try {
      const container = await this.#client.container(id);
      return container === undefined ? null : this.note(container);
    } catch (error) {
      this.#fault(error);
      return null;
    }
  }
}
