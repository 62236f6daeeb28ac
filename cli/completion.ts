/**
 * `torwacht completion bash|zsh|fish`: a script that completes this command, written from the very
 * program that parses the command line, so that the two cannot drift.
 */
import type { Command } from 'commander';
import { bashScript } from './completion/bash.ts';
import { candidates, cobraText } from './completion/candidates.ts';
import { type CompletionOptions, commandsOf } from './completion/commands.ts';
import { fishScript } from './completion/fish.ts';
import { zshScript } from './completion/zsh.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** What `kubectl_complete-torwacht` prints. @param words behind the program's name, the last one half typed */
export function completionWords(
  program: Command,
  words: readonly string[],
  options: CompletionOptions = {},
): string {
  return cobraText(candidates(commandsOf(program, options), words));
}

/** The script as text. @param program the whole `torwacht` command */
export function completionScript(
  program: Command,
  shell: Shell,
  options: CompletionOptions = {},
): string {
  return scripts[shell](commandsOf(program, options));
}
