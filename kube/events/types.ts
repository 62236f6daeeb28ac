/** Events (events.k8s.io/v1) that `kubectl describe` and `kubectl events` show. */

import type { Resource } from '../client/resource.ts';
import type { KubeObject } from '../objects/types.ts';

export interface Recorded {
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, at most 128: `PolicyTooLarge`. */
  readonly reason: string;
  /** What was done or tried, UpperCamelCase: `Compile`. */
  readonly action: string;
  /** For people; cut at 1,024. */
  readonly note: string;
}

export interface EventRecorder {
  /** Never throws and never waits. The same event again becomes a series; too many of one object are dropped and counted. */
  record(of: Resource, regarding: KubeObject, event: Recorded): void;
}
