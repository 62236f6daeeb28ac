/**
 * Compiled policies in files of the node, by their digests: a pod that is held keeps the policy that it has, also
 * over the end of an agent that knew the documents it came from. Where there is no folder, nothing is remembered.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '#policy/compile.ts';
import type { CompiledPolicy } from '#policy/types.ts';

/** Bump when `CompiledPolicy` changes its shape: what another version wrote is no policy of this one. */
const FORMAT = 'policies-1';

export class StoredPolicies {
  readonly #folder: string;
  readonly #fault: (error: unknown) => void;
  readonly #written = new Set<string>();

  /** `state`: a folder of the node, for root alone; empty: there is none. `fault`: a full disk holds nobody up. */
  constructor(state: string, fault: (error: unknown) => void) {
    this.#folder = state && join(state, FORMAT);
    this.#fault = fault;
  }

  /** Before anything is held by it. */
  keep(policy: CompiledPolicy): void {
    if (this.#folder === '' || this.#written.has(policy.digest)) return;
    const path = this.#path(policy.digest);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.new`, JSON.stringify(policy), { mode: 0o600 });
      renameSync(`${path}.new`, path);
      this.#written.add(policy.digest);
    } catch (error) {
      this.#fault(error);
    }
  }

  /** Undefined where it was never written, or is not what was written. */
  recall(digest: string): CompiledPolicy | undefined {
    if (this.#folder === '' || !/^[0-9a-f]{64}$/.test(digest)) return undefined;
    try {
      const policy = JSON.parse(readFileSync(this.#path(digest), 'utf8')) as CompiledPolicy;
      const { digest: _, ...content } = { ...policy };
      return digestOf(content) === digest ? policy : undefined;
    } catch (error) {
      if (error instanceof SyntaxError || isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Forgets those that nobody is held by any more. */
  prune(used: ReadonlySet<string>): void {
    for (const name of this.#folder === '' ? [] : namesIn(this.#folder)) {
      const digest = name.replace(/\.json$/, '');
      if (used.has(digest)) continue;
      rmSync(join(this.#folder, name), { force: true });
      this.#written.delete(digest);
    }
  }

  #path(digest: string): string {
    return join(this.#folder, `${digest}.json`);
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
