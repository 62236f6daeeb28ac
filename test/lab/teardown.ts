/**
 * Taking a lab down, also when the program that made it is interrupted. All of it is synchronous: it
 * must work from an exit handler.
 */
import { rmSync } from 'node:fs';
import { deleteNamespace, listNamespaces } from './namespaces.ts';
import { releaseSharedMounts } from './shared-mounts.ts';

/** Removes everything that bears this lab's name. Parts that are not there are skipped. */
export function removeLab(id: string, folder: string): void {
  for (const name of listNamespaces()) if (name.startsWith(`${id}-`)) deleteNamespace(name);
  rmSync(folder, { recursive: true, force: true });
  releaseSharedMounts(id);
}

const open = new Set<() => void>();
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `close` when the process ends, unless the returned function was called before. */
export function closeAtExit(close: () => void): () => void {
  if (open.size === 0) listen();
  open.add(close);
  return () => {
    open.delete(close);
    if (open.size === 0) unlisten();
  };
}

function closeAll(): void {
  for (const close of [...open]) close();
}

/** After closing, the signal does what it would have done without us, if nobody else listens for it. */
function onSignal(signal: NodeJS.Signals): void {
  closeAll();
  unlisten();
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

function listen(): void {
  process.on('exit', closeAll);
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

function unlisten(): void {
  process.off('exit', closeAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
