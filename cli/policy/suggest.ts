/** `torwacht policy suggest`: from files of events to a policy that would have allowed them. */
import { type SuggestFlags, suggestFrom } from '../suggest/suggest.ts';
import { withErrors } from './arguments.ts';
import { readEvents } from './events-file.ts';
import type { Io } from './io.ts';

/** Exit code as `suggestFrom` gives it; 2 when a file is none of events. */
export function suggestFromEvents(paths: readonly string[], flags: SuggestFlags, io: Io): number {
  return withErrors(io, () => {
    const rows = paths.flatMap((path) => readEvents(path));
    return suggestFrom({ rows, unrecorded: 0 }, flags, io);
  });
}
