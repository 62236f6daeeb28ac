/** What the runtime tells of, as lines of a log. */
import type { Logger } from 'pino';
import { TorwachtError } from '#api/error.ts';
import { isKubeError, type Observation, type Observe } from '#kube/index.ts';

type Told<K extends Observation['type']> = Extract<Observation, { readonly type: K }>;
type Tellers = { readonly [K in Observation['type']]?: (told: Told<K>) => void };

export function logging(log: Logger): Observe {
  const tellers: Tellers = {
    leading: ({ leading, holder }) =>
      log.info({ holder }, leading ? 'this replica leads' : 'this replica waits'),
    listed: ({ resource, objects, by }) => log.debug({ resource, objects, by }, 'listed'),
    'watch-failed': ({ resource, error, waitMs }) =>
      log.warn({ resource, waitMs, ...fields(error) }, 'a watch failed; it is tried again'),
    'lease-failed': ({ error }) => log.warn(fields(error), 'the Lease could not be renewed'),
    'listener-failed': ({ resource, error }) =>
      log.error({ resource, ...fields(error) }, 'a fault in the operator'),
    handled: ({ resource, key, attempt, error }) => {
      if (error === undefined) return;
      log.warn({ resource, key, attempt, ...fields(error) }, 'it is tried again');
    },
    'event-dropped': ({ reason }) => log.debug({ reason }, 'an Event was not written'),
  };
  return (observation) => {
    const tell = tellers[observation.type] as ((told: Observation) => void) | undefined;
    tell?.(observation);
  };
}

/** An error as fields of a line. */
export function fields(error: unknown): { code?: string; reason: string; hint?: string } {
  if (error instanceof TorwachtError || isKubeError(error)) {
    return { code: error.code, reason: error.message, hint: error.hint };
  }
  if (error instanceof Error) {
    return { reason: error.message, ...('code' in error ? { code: String(error.code) } : {}) };
  }
  return { reason: String(error) };
}
