/**
 * The policy of a run: read once, or again whenever its files change. A change that is broken, or that
 * the kernel does not take, is told, and the last good policy stays in force.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadPolicies } from '#agent/bundle/load.ts';
import { failure, TorwachtError } from '#api/error.ts';
import { compile } from '#policy/compile.ts';
import type { Problem } from '#policy/problem.ts';
import type { CompiledPolicy, Identity, Mode } from '#policy/types.ts';
import { printable } from '../policy/io.ts';
import { errors } from './errors.ts';

export interface PolicySourceOptions {
  readonly path: string;
  readonly identity: Identity;
  /** Observe whatever the documents say. */
  readonly observe: boolean;
}

/** How often files are looked at, ms. */
const INTERVAL = 500;

export class PolicySource {
  readonly #options: PolicySourceOptions;
  #signature = '';

  constructor(options: PolicySourceOptions) {
    this.#options = options;
  }

  /** @throws TW_RUN_BAD_POLICY with every problem, TW_POLICY_… */
  read(): CompiledPolicy {
    const { path, identity } = this.#options;
    this.#signature = signatureOf(path);
    const { documents, problems } = loadPolicies(path);
    if (problems.length > 0) throw badPolicy(problems);
    const compiled = compile(documents, identity, { ignoreNamespaces: true, trustIdentity: true });
    const mode: Mode = this.#options.observe ? 'Observe' : compiled.mode;
    return { ...compiled, mode };
  }

  /** Calls `apply` with each new policy until the returned function is called. */
  watch(
    apply: (policy: CompiledPolicy) => void,
    complain: (error: TorwachtError) => void,
  ): () => void {
    const timer = setInterval(() => {
      if (signatureOf(this.#options.path) === this.#signature) return;
      try {
        apply(this.read());
      } catch (error) {
        if (!(error instanceof TorwachtError)) throw error;
        complain(error);
      }
    }, INTERVAL);
    return () => clearInterval(timer);
  }
}

function badPolicy(problems: readonly Problem[]): TorwachtError {
  const list = problems.map((p) => {
    const file = printable(p.file);
    const place = p.line === 0 ? file : `${file}:${p.line}:${p.column}`;
    return `  ${place}: ${p.field === '' ? '' : `${p.field}: `}${p.message}\n      ${p.hint}`;
  });
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return failure(errors.badPolicy, { count, list: list.join('\n') });
}

/** The path itself and, of a folder, each file in it. */
export function policyPlaces(path: string): readonly string[] {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  return isFolder ? [path, ...readdirSync(path).map((name) => join(path, name))] : [path];
}

/** Changes when a file is written, replaced, added or removed. */
function signatureOf(path: string): string {
  try {
    if (!existsSync(path)) return 'gone';
    if (!statSync(path).isDirectory()) return stamp(path);
    return readdirSync(path)
      .sort()
      .map((name) => `${name}:${stamp(join(path, name))}`)
      .join('|');
  } catch {
    return 'unreadable';
  }
}

function stamp(path: string): string {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true });
  return `${ino}.${size}.${mtimeNs}`;
}
