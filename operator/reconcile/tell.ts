/** Says of an object where it stands: status and Events, as seldom as is honest. */
import type { Condition as ApiCondition } from '#api/condition.ts';
import {
  apiTime,
  applyStatus,
  type Condition,
  standing as conditionsOf,
  type KubeObject,
  type ReconcileContext,
  type ReconcileResult,
  type Resource,
  type Standing,
  stamped,
} from '#kube/index.ts';
import { documentTitle } from '#policy/title.ts';
import type { Looked } from '../bundles/build.ts';
import type { Objection } from '../documents/assess.ts';
import type { Parts } from '../parts.ts';

/** A condition beside the three of kstatus: True while there is something to object. */
export interface Remark {
  readonly type: string;
  readonly objection: Objection | null;
  /** What its absence is called. */
  readonly otherwise: string;
}

export interface Said {
  readonly standing: Standing;
  readonly remarks: readonly Remark[];
  /** Other fields of the status. */
  readonly fields: Readonly<Record<string, unknown>>;
}

type Told = Looked &
  KubeObject & { readonly status?: { readonly conditions?: ApiCondition[] | undefined } };

/** Gives when to say more, where that was too soon. */
export async function tell<T extends Told>(
  parts: Parts,
  of: Resource<T>,
  { client, events }: Pick<ReconcileContext<T>, 'client' | 'events'>,
  object: T,
  said: Said,
): Promise<ReconcileResult | undefined> {
  const state = parts.stateOf(client);
  const title = documentTitle(object as Looked);
  const previous = (object.status?.conditions ?? []) as readonly Condition[];
  const over = object.metadata.resourceVersion;
  const { generation } = object.metadata;
  const saying = JSON.stringify({ generation, ...said });
  if (state.outstanding.has(title, over, saying)) return undefined;

  const now = parts.clock.monotonic();
  const wait = (state.told.get(title) ?? Number.NEGATIVE_INFINITY) + parts.pace.progress - now;
  if (wait > 0 && isSame(previous, said.standing, generation)) return { requeueAfterMs: wait };

  const time = apiTime(parts.clock.wall());
  const conditions = [
    ...conditionsOf(previous, generation, said.standing, time),
    ...said.remarks.flatMap((remark) => conditionOf(remark, previous, generation, time)),
  ];
  const status = { observedGeneration: generation, conditions, ...said.fields };
  if (!(await applyStatus(client, of, object, status))) return undefined;
  state.outstanding.add(title, over, saying);
  state.told.set(title, now);
  for (const { reason, message } of complaints(previous, said)) {
    events.record(of, object, { type: 'Warning', reason, action: 'Compile', note: message });
  }
  return undefined;
}

/** Does `Ready` say the same, but for its message? */
function isSame(previous: readonly Condition[], standing: Standing, generation: number): boolean {
  const ready = previous.find(({ type }) => type === 'Ready');
  return ready?.reason === standing.reason && ready.observedGeneration === generation;
}

function conditionOf(
  { type, objection, otherwise }: Remark,
  previous: readonly Condition[],
  generation: number,
  time: string,
): readonly Condition[] {
  const about = { type, observedGeneration: generation };
  if (objection !== null)
    return [stamped(previous, { ...about, status: 'True', ...objection }, time)];
  // What was never there need not be denied.
  if (!previous.some((one) => one.type === type)) return [];
  const none = { status: 'False', reason: otherwise, message: '' } as const;
  return [stamped(previous, { ...about, ...none }, time)];
}

/** What a person should hear of, and has not heard yet. */
function complaints(
  previous: readonly Condition[],
  { standing, remarks }: Said,
): readonly Objection[] {
  const of = (type: string) => previous.find((one) => one.type === type);
  const wrong = standing.state === 'stalled' || standing.state === 'unready';
  const ready = of('Ready');
  // How many nodes fail is in the message, and changes all the time.
  const heard =
    ready?.reason === standing.reason &&
    (standing.state === 'unready' || ready.message === standing.message);
  const fresh = remarks.flatMap(({ type, objection }) => {
    const before = of(type);
    const same = before?.status === 'True' && before.message === objection?.message;
    return objection === null || same ? [] : [objection];
  });
  return wrong && !heard ? [standing, ...fresh] : fresh;
}
