/** The text of the barrier's answer (TXT _torwacht.attached.local): what holds this target now. */
import type { CompiledPolicy } from '#policy/types.ts';

/** Number of the barrier's protocol; a barrier accepts this one and the one before. */
export const PROTOCOL = 1;

/** Asked for with every query, so it is made once per policy. */
const texts = new WeakMap<CompiledPolicy, string>();

export function attachedText(version: string, policy: CompiledPolicy): string {
  const known = texts.get(policy) ?? compose(version, policy);
  texts.set(policy, known);
  return known;
}

function compose(version: string, policy: CompiledPolicy): string {
  const fields = {
    protocol: PROTOCOL,
    version,
    mode: policy.mode.toLowerCase(),
    policy: policy.digest.slice(0, 16),
    guards: 'none',
  };
  const words = Object.entries(fields).map(([key, value]) => `${key}=${value}`);
  return ['attached', ...words].join(' ');
}
