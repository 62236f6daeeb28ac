/** The public surface of this folder. */
export { type WatchedCache, type WatchOptions, watchCache } from './cache/cache.ts';
export { readerOf } from './cache/store.ts';
export { withoutManagedFields } from './cache/transform.ts';
export type { Cache, CacheOptions, Change, Reader } from './cache/types.ts';
export { type ClientOptions, createClient } from './client/client.ts';
export type { Connection, Security } from './client/connection.ts';
export { findConnection } from './client/find.ts';
export { type InClusterOptions, inCluster } from './client/in-cluster.ts';
export { fromKubeconfig, type KubeconfigOptions } from './client/kubeconfig.ts';
export { apiVersionOf, type Resource, resource } from './client/resource.ts';
export type {
  Applied,
  ApplyOptions,
  Client,
  DeleteOptions,
  Fence,
  GetOptions,
  ListOptions,
  ObjectPlace,
  PatchOptions,
  RequestOptions,
  Selectors,
  WatchEvent,
  WriteOptions,
} from './client/types.ts';
export { type Clock, sleep, systemClock } from './clock.ts';
export { type ElectionOptions, elect } from './election/elect.ts';
export type { LeaseSettings, Term } from './election/types.ts';
export { isKubeError, KubeError, type KubeErrorCode, permanent } from './errors.ts';
export { createRecorder, type Recorder, type RecorderOptions } from './events/recorder.ts';
export type { EventRecorder, Recorded } from './events/types.ts';
export { prometheus } from './metrics.ts';
export { apiMicroTime, apiTime, type Standing, stamped, standing } from './objects/conditions.ts';
export { addFinalizer, hasFinalizer, removeFinalizer } from './objects/finalizers.ts';
export { type OwnerOptions, ownerKeys, ownerReference } from './objects/owners.ts';
export { applyStatus, type StatusOf } from './objects/status.ts';
export {
  type Condition,
  type Key,
  type KubeList,
  type KubeObject,
  keyOf,
  type ObjectMeta,
  type OwnerReference,
  placeOf,
} from './objects/types.ts';
export { isOlder } from './objects/versions.ts';
export type { Observation, Observe } from './observe.ts';
export { fieldChanged } from './operator/field-changed.ts';
export { type Led, Operator, type OperatorOptions } from './operator/operator.ts';
export { type PolicyRule, rule } from './operator/permissions.ts';
export type {
  Cause,
  Handler,
  HandlerContext,
  HandlerOptions,
  Kind,
  KindOptions,
  Reconcile,
  ReconcileContext,
  ReconcileResult,
  TimerOptions,
} from './operator/types.ts';
export { KeyedQueue, type QueueOptions } from './queue/queue.ts';
export { listAll } from './watch/list.ts';
