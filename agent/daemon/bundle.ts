/** The bundle in force: what the folder says, or what it said last when it made sense. */
import type { TorwachtDocument } from '#api/documents.ts';
import { failure, type TorwachtError } from '#api/error.ts';
import { escapeText } from '#api/escape.ts';
import { countProblems, listProblems } from '#policy/problem.ts';
import { Changes } from '../bundle/changes.ts';
import { loadPolicies } from '../bundle/load.ts';
import { errors } from './errors.ts';

export class Bundle {
  /** Those of the last good bundle. */
  documents: readonly TorwachtDocument[] = [];
  /** Was there ever a good one? */
  isKnown = false;
  /** Why the files that are there now are not in force. */
  problem: TorwachtError | undefined;
  readonly #path: string;
  readonly #changes: Changes;

  constructor(path: string) {
    this.#path = path;
    this.#changes = new Changes(path);
  }

  /** Reads the files; `problem` says afterwards whether they are in force. */
  read(): void {
    this.#changes.seen();
    try {
      const { documents, problems } = loadPolicies(this.#path);
      if (problems.length > 0) {
        const list = `\n${listProblems(problems, escapeText)}`;
        throw failure(errors.bundle, { count: countProblems(problems), list });
      }
      this.documents = documents;
      this.isKnown = true;
      this.problem = undefined;
    } catch (error) {
      this.problem = error as TorwachtError;
    }
  }

  /** Reads again after each change, then calls back. */
  watch(changed: () => void): () => void {
    return this.#changes.watch(() => {
      this.read();
      changed();
    });
  }
}
