/** The command of a run as it is kept in the registry and shown by `torwacht cleanup`: its beginning, without secrets. */
import { maskArguments } from '#api/mask.ts';

const LONGEST = 200;

export function commandText(words: readonly string[]): string {
  const line = words.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ');
  return maskArguments(line.slice(0, LONGEST));
}
