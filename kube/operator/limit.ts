/** Gives a function a time to be done, and a signal that says when it is over. */
import type { Clock } from '../clock.ts';
import { KubeError } from '../errors.ts';

/**
 * Waits for the function also when its time is over, as two of them must not work on the same.
 * @throws what it throws; KUBE_HANDLER_TIMEOUT where that was because its time was over
 */
export async function withLimit<R>(
  clock: Clock,
  {
    id,
    timeoutMs,
    parent,
  }: { readonly id: string; readonly timeoutMs: number; readonly parent: AbortSignal },
  run: (signal: AbortSignal) => Promise<R> | R,
): Promise<R> {
  const own = new AbortController();
  const abort = () => own.abort(parent.reason);
  const message = `${id} was not done after ${timeoutMs} ms.`;
  const late = new KubeError('KUBE_HANDLER_TIMEOUT', message);
  const cancel = clock.after(timeoutMs, () => own.abort(late));
  parent.addEventListener('abort', abort);
  if (parent.aborted) abort();
  try {
    return await run(own.signal);
  } catch (error) {
    throw own.signal.reason === late ? late : error;
  } finally {
    cancel();
    parent.removeEventListener('abort', abort);
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
