/**
 * What may stand at the end of a command line, for whoever asks at each key and has no shell script of ours:
 * kubectl, of its plugins.
 */
import type { CompletionCommand, ValueKind } from './commands.ts';

export interface Candidates {
  readonly words: readonly { readonly word: string; readonly description?: string }[];
  /** Are names of files to be offered? */
  readonly files: boolean;
}

const nothing: Candidates = { words: [], files: false };
const files: Candidates = { words: [], files: true };

/** @param words behind the program's name; the last one is being typed, and may be empty */
export function candidates(
  commands: readonly CompletionCommand[],
  words: readonly string[],
): Candidates {
  const typed = words.at(-1) ?? '';
  const [root] = commands;
  let at = root;
  let value: ValueKind | undefined;
  for (const word of words.slice(0, -1)) {
    if (value !== undefined) value = undefined;
    else if (word === '--') return files;
    else if (word.startsWith('-')) value = flagOf(at, word)?.value;
    else at = commands.find(({ path }) => path === `${at?.path} ${word}`) ?? at;
  }
  if (at === undefined) return nothing;
  return matching(typed, offered(at, value, typed));
}

function flagOf(at: CompletionCommand | undefined, word: string) {
  return at?.flags.find(({ names }) => names.includes(word));
}

function offered(at: CompletionCommand, value: ValueKind | undefined, typed: string): Candidates {
  if (value !== undefined) return ofKind(value);
  if (typed.startsWith('-')) {
    const words = at.flags.flatMap(({ names, description }) =>
      names.map((word) => ({ word, description })),
    );
    return { words, files: false };
  }
  if (at.argument !== undefined) return ofKind(at.argument);
  const words = at.subcommands.map(({ name, description }) => ({ word: name, description }));
  return { words, files: false };
}

function ofKind(kind: ValueKind): Candidates {
  if (kind === 'path' || kind === 'command') return files;
  return kind === 'any' ? nothing : { words: kind.map((word) => ({ word })), files: false };
}

function matching(typed: string, { words, files: also }: Candidates): Candidates {
  return { words: words.filter(({ word }) => word.startsWith(typed)), files: also };
}

/** Cobra's ShellCompDirective: the shell's own file names, or none. */
const DEFAULT = 0;
const NO_FILES = 4;

/** As programs made with cobra print it: a word and its description a line, then what is to be done. */
export function cobraText({ words, files: also }: Candidates): string {
  const lines = words.map(({ word, description }) =>
    description === undefined ? word : `${word}\t${description}`,
  );
  return `${[...lines, `:${also ? DEFAULT : NO_FILES}`].join('\n')}\n`;
}
