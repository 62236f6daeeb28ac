/** An Event of events.k8s.io/v1, and which of them are the same. */
import { apiVersionOf, type Resource, resource } from '../client/resource.ts';
import { apiMicroTime } from '../objects/conditions.ts';
import type { KubeObject } from '../objects/types.ts';
import type { Recorded } from './types.ts';

export interface Event extends KubeObject {
  readonly eventTime: string;
  readonly type: string;
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly regarding: Readonly<Record<string, string | undefined>>;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

export const eventResource = resource<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
});

export interface Reporter {
  /** `example.io/operator` */
  readonly controller: string;
  /** Which replica. */
  readonly instance: string;
}

/** Limits of the API. */
const longest = { name: 253, note: 1024, reason: 128, instance: 128 };

/** @param unique a part that makes its name one of its own */
export function eventOf(
  of: Resource,
  regarding: KubeObject,
  { type, reason, action, note }: Recorded,
  { controller, instance }: Reporter,
  { wall, unique }: { readonly wall: number; readonly unique: string },
): Event {
  const { name, namespace, uid, resourceVersion } = regarding.metadata;
  return {
    metadata: {
      name: `${name.slice(0, longest.name - unique.length - 1)}.${unique}`,
      // The API wants those of cluster objects there.
      namespace: namespace ?? 'default',
    },
    eventTime: apiMicroTime(wall),
    type,
    reason: reason.slice(0, longest.reason),
    action: action.slice(0, longest.reason),
    note: cut(note),
    reportingController: controller,
    reportingInstance: instance.slice(0, longest.instance),
    regarding: {
      apiVersion: apiVersionOf(of),
      kind: of.kind,
      name,
      namespace,
      uid,
      resourceVersion,
    },
  };
}

/** Equal for what is told as a series. */
export function sameness({ regarding, type, reason, action, note }: Event): string {
  const { kind, namespace, name, uid } = regarding;
  return JSON.stringify([kind, namespace, name, uid, type, reason, action, note]);
}

/** The limit is in bytes, and a character is not cut in two. */
function cut(note: string): string {
  let text = note.slice(0, longest.note);
  while (Buffer.byteLength(text) > longest.note) text = text.slice(0, -1);
  return text.toWellFormed();
}
