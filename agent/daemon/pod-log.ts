/** What is said of pods, and counted: in the log, in metrics, and for the memory that many of them leave. */
import type { Logger } from 'pino';
import type { PodLog } from '../pods/pods.ts';
import { fields } from './fields.ts';
import type { Metrics } from './metrics.ts';
import type { SpareMemory } from './spare-memory.ts';

export function podLog(log: Logger, metrics: Metrics, memory: SpareMemory): PodLog {
  return {
    held({ namespace, name, uid, pid }, { policy }, milliseconds) {
      memory.changed();
      metrics.attached(milliseconds);
      const { mode, digest } = policy;
      const how = { ahead: pid === null, mode, policy: digest, milliseconds };
      log.info({ namespace, pod: name, uid, ...how }, 'pod held');
    },
    ended({ namespace, name, uid }) {
      memory.changed();
      log.info({ namespace, pod: name, uid }, 'pod ended');
    },
    failed({ namespace, name, uid }, error) {
      metrics.attachFailed();
      log.error({ namespace, pod: name, uid, ...fields(error) }, 'pod not held');
    },
    unchanged: ({ namespace, name, uid }, error) =>
      log.error({ namespace, pod: name, uid, ...fields(error) }, 'the last good policy stays'),
  };
}
