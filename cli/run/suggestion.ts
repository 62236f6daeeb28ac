/**
 * The file of `--suggest`: opened before the command starts, with the rights of whoever called, and
 * written when the command has ended and nothing of it is left that could write to it.
 */
import { closeSync, fstatSync, ftruncateSync, lstatSync, writeSync } from 'node:fs';
import { failure } from '#api/error.ts';
import type { EgressEvent } from '#api/event.ts';
import { type Suggestion, type SuggestOptions, suggest } from '#policy/suggest.ts';
import { printable } from '../policy/io.ts';
import { openOutput } from '../sandbox/output-file.ts';
import type { SandboxUser } from '../sandbox/user.ts';
import { errors } from './errors.ts';
import { realPlace, whyPolicy } from './place.ts';

export interface SuggestionFile {
  /** Writes the policy and says in a sentence how that went. Never throws: the run is over. */
  write(rows: readonly EgressEvent[], options: SuggestOptions): Written;
  close(): void;
}

export interface Written {
  readonly isThere: boolean;
  readonly sentence: string;
}

export interface SuggestionPlace {
  /** Absolute, as are the others. */
  readonly path: string;
  readonly policyPath: string;
  /** File of --output. */
  readonly output: string | undefined;
  readonly user: Pick<SandboxUser, 'uid' | 'gid' | 'groups'>;
}

/** @throws TW_RUN_SUGGEST where it would change what is in force, TW_RUN_OUTPUT */
export function openSuggestion({
  path,
  policyPath,
  output,
  user,
}: SuggestionPlace): SuggestionFile {
  const reason = whyNot(path, policyPath, output);
  if (reason !== null) throw failure(errors.suggest, { path, reason });
  const fd = openOutput(path, user);
  return {
    write: (rows, options) => {
      const suggestion = suggest(rows, options);
      try {
        // The command may have written to it, or put another file into its place.
        ftruncateSync(fd);
        writeWhole(fd, suggestion.text);
        if (isAt(fd, path)) return { isThere: true, sentence: summary(path, suggestion) };
        const lost = `${printable(path)} was replaced or removed while the command ran`;
        return { isThere: false, sentence: `the suggestion is lost: ${lost}, do not trust it` };
      } catch (error) {
        const why = (error as Error).message;
        return {
          isThere: false,
          sentence: `the suggestion cannot be written to ${printable(path)}: ${why}`,
        };
      }
    },
    close: () => closeSync(fd),
  };
}

function summary(path: string, suggestion: Suggestion): string {
  const { names, addresses, impossible, denied } = suggestion;
  const kept = impossible + denied;
  const also = kept === 0 ? '' : `; ${counted(kept, 'thing')} that it does not open`;
  const open = `${counted(names, 'name')} and ${counted(addresses, 'address', 'addresses')}`;
  return `a policy is suggested in ${printable(path)}: ${open}${also}`;
}

function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
}

function isAt(fd: number, path: string): boolean {
  const ours = fstatSync(fd);
  const there = lstatSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.dev === ours.dev && there.ino === ours.ino;
}

function whyNot(path: string, policyPath: string, output: string | undefined): string | null {
  if (output !== undefined && realPlace(path) === realPlace(output)) {
    return 'it is the file of --output';
  }
  return whyPolicy(path, policyPath);
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
