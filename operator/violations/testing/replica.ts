/** Violations of a replica that leads, over an API in memory that several may share. */
import { type Clock, Operator } from '#kube/index.ts';
import type { MemoryApi } from '#kube/testing/memory-api.ts';
import { namespaces, violations } from '../../resources.ts';
import { defaultLimits, type ViolationLimits } from '../limits.ts';
import { type Fate, Violations } from '../violations.ts';

export interface ReplicaOptions {
  readonly api: MemoryApi;
  readonly clock: Clock;
  readonly limits?: Partial<ViolationLimits>;
}

export function startViolations({ api, clock, limits = {} }: ReplicaOptions) {
  const operator = new Operator({ client: api.client(), name: 'test/operator', clock });
  for (const name of ['ci', 'web']) api.put(namespaces, { metadata: { name } });
  const fates: Record<Fate, number> = { counted: 0, folded: 0, dropped: 0 };
  const sink = new Violations({
    kind: operator.kind(violations),
    namespaces: operator.cache(namespaces),
    clock,
    limits: { ...defaultLimits, ...limits },
    counted: (attempts, fate) => {
      fates[fate] += attempts;
    },
  });
  operator.onLead((reign) => sink.begin(reign));
  const over = new AbortController();
  const running = operator.run(over.signal);
  const stop = async (): Promise<void> => {
    over.abort();
    await running;
  };
  return { operator, sink, fates, stop };
}
