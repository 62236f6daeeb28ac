/**
 * The end of Torwacht on a node, at an uninstall: once nobody is held, nobody new is, and what is pinned goes. It is
 * wanted by an annotation of the node's NodeAgent, which only who may write NodeAgents can set.
 */
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeEmpty } from '../leftovers/bpffs.ts';

export interface DepartureOptions {
  /** Folder of the maps of this agent, a folder in it for each shape that they had. */
  readonly maps: string;
  /** Folder of pods' pins, one folder a pod in it. */
  readonly pods: string;
  /** A folder of the node with what the next agent would know; empty: there is none. */
  readonly state: string;
  wanted(): boolean;
  /** Governed pods, held or not yet. */
  governed(): number;
  /** Called once, before anything is removed: nobody is held from then on. */
  close(): void;
}

export class Departure {
  readonly #options: DepartureOptions;
  #left = false;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** Is it over? It stays so for the rest of this process. */
  get left(): boolean {
    return this.#left;
  }

  /** True where this look has ended it. @throws what the file systems say; then it is tried again */
  look(): boolean {
    const { maps, pods, state, wanted, governed, close } = this.#options;
    if (this.#left || !wanted() || governed() > 0 || namesIn(pods).length > 0) return false;
    close();
    rmSync(maps, { recursive: true, force: true });
    for (const folder of [pods, dirname(pods), dirname(dirname(pods))]) removeEmpty(folder);
    for (const name of state === '' ? [] : namesIn(state)) {
      rmSync(join(state, name), { recursive: true, force: true });
    }
    this.#left = true;
    return true;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
