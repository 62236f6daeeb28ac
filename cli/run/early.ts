/**
 * The kernel's verifier is the longest part of a start. `main.ts` has it begin while the rest of the program is
 * still being read; `run` then waits for what is left of it.
 */
import { type LoadedEngine, loadEngine } from '#bpf/load.ts';
import { singleTargetSizes } from '#bpf/programs.ts';

let begun: Promise<LoadedEngine> | undefined;

/** Begins to load if this command line runs something; what goes wrong is told to who takes it. */
export function beginEarly(args: readonly string[]): void {
  const [command, ...rest] = args;
  const isHelp = rest.some((arg) => arg === '-h' || arg === '--help');
  if (command !== 'run' || isHelp || process.geteuid?.() !== 0) return;
  begun = begin();
}

/** The programs, loaded or being loaded, for one caller. */
export function takeLoaded(): Promise<LoadedEngine> {
  const taken = begun ?? begin();
  begun = undefined;
  return taken;
}

function begin(): Promise<LoadedEngine> {
  const loading = loadEngine(singleTargetSizes, false, '');
  loading.catch(() => {});
  return loading;
}
