/**
 * The policy of a run: read once, or again whenever its files change. A change that is broken, or that
 * the kernel does not take, is told, and the last good policy stays in force.
 */
import { Changes } from '#agent/bundle/changes.ts';
import { loadPolicies } from '#agent/bundle/load.ts';
import { failure, TorwachtError } from '#api/error.ts';
import { compile } from '#policy/compile.ts';
import { countProblems, listProblems } from '#policy/problem.ts';
import type { CompiledPolicy, Identity, Mode } from '#policy/types.ts';
import { printable } from '../policy/io.ts';
import { errors } from './errors.ts';

export interface PolicySourceOptions {
  readonly path: string;
  readonly identity: Identity;
  /** Observe whatever the documents say. */
  readonly observe: boolean;
}

export class PolicySource {
  readonly #options: PolicySourceOptions;
  readonly #changes: Changes;

  constructor(options: PolicySourceOptions) {
    this.#options = options;
    this.#changes = new Changes(options.path);
  }

  /** @throws TW_RUN_BAD_POLICY with every problem, TW_POLICY_… */
  read(): CompiledPolicy {
    const { path, identity } = this.#options;
    this.#changes.seen();
    const { documents, problems } = loadPolicies(path);
    if (problems.length > 0) {
      const list = listProblems(problems, printable);
      throw failure(errors.badPolicy, { count: countProblems(problems), list });
    }
    const compiled = compile(documents, identity, { ignoreNamespaces: true, trustIdentity: true });
    const mode: Mode = this.#options.observe ? 'Observe' : compiled.mode;
    return { ...compiled, mode };
  }

  /** Calls `apply` with each new policy until the returned function is called. */
  watch(
    apply: (policy: CompiledPolicy) => void,
    complain: (error: TorwachtError) => void,
  ): () => void {
    return this.#changes.watch(() => {
      try {
        apply(this.read());
      } catch (error) {
        if (!(error instanceof TorwachtError)) throw error;
        complain(error);
      }
    });
  }
}
