/** The calls in a block of shell of the documentation. It knows what these blocks use, not what a shell knows. */
import type { Call } from './commands.ts';

/** Words in quotes, with what is around them; a comment; what ends a call; a word. */
const pieces =
  /((?:'[^']*'|"[^"]*"|\\.|[^\s'"|;&<>#]|(?<=\S)#)+)|(#[^\n]*)|(\n|\|\|?|&&|;)|([<>]+&?)/g;

/** Redirections and comments are left out; `sudo` before a program and its folder are too. */
export function callsIn(shell: string): readonly Call[] {
  const calls: string[][] = [[]];
  let target = false;
  for (const [, word, , end, redirect] of shell.replaceAll('\\\n', ' ').matchAll(pieces)) {
    if (end !== undefined) calls.push([]);
    if (word !== undefined && !target)
      calls.at(-1)?.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
    if (word !== undefined || end !== undefined) target = false;
    if (redirect !== undefined) target = true;
  }
  return calls
    .map((words) => (words[0] === 'sudo' ? words.slice(1) : words))
    .map(([program = '', ...words]) => [program.replace(/^.*\//, ''), ...words])
    .filter(([program]) => program !== '');
}
