/**
 * Many pods at once leave malloc with much that is free between what is in use, and it keeps that. The node has it back
 * once it has been quiet: 100 pods cost a tenth of the agent's memory less so (bench/agent.bench.ts).
 */
import { native } from '#bpf/native.ts';

/** ms. */
const QUIET = 1000;

export class SpareMemory {
  readonly #release: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor(release: () => Promise<void> = () => native().releaseMemory()) {
    this.#release = release;
    this.changed();
  }

  /** Much may have been used. */
  changed(): void {
    clearTimeout(this.#timer);
    // What could not be given back now is, after the next change.
    this.#timer = setTimeout(() => void this.#release().catch(() => {}), QUIET).unref();
  }
}
