/**
 * Which of our own signals are passed on to the command. In the foreground of a terminal, Ctrl-C,
 * Ctrl-\ and a resize reach every process of the group, the command too: passing them on would deliver
 * them twice. SIGTSTP is never caught: it stops us with the command, as a shell expects of a job.
 */
import { readFileSync } from 'node:fs';

export const forwarded = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGCONT',
] as const;
export type ForwardedSignal = (typeof forwarded)[number];

const sentByTerminal: ReadonlySet<ForwardedSignal> = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH']);

/** Has the command had the signal already, when we get it? */
export function reachesByTerminal(signal: ForwardedSignal, foreground: boolean): boolean {
  return foreground && sentByTerminal.has(signal);
}

/**
 * Is this process in the foreground process group of its terminal? From /proc/<pid>/stat (proc(5)):
 * the name in brackets may hold anything, so fields are counted from the last bracket.
 */
export function isForeground(stat = readFileSync('/proc/self/stat', 'latin1')): boolean {
  const [, , group, , terminal, foreground] = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  return terminal !== '0' && group !== undefined && group === foreground;
}

/** What `process` is, for tests. */
export interface SignalSource {
  on(signal: ForwardedSignal, listener: () => void): unknown;
  off(signal: ForwardedSignal, listener: () => void): unknown;
}

/**
 * Passes signals on until the returned function is called. All are caught from now on, the ones that
 * the terminal delivers too: the command decides what ends it, and we report.
 */
export function forwardSignals(
  source: SignalSource,
  deliver: (signal: ForwardedSignal) => void,
  foreground: () => boolean = isForeground,
): () => void {
  const listeners = forwarded.map((signal) => {
    const listener = () => {
      if (!reachesByTerminal(signal, foreground())) deliver(signal);
    };
    source.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) source.off(signal, listener);
  };
}
