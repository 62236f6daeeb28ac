/** The text of the barrier's answer (TXT _torwacht.attached.local): what holds this target now. */
import type { CompiledPolicy } from '#policy/types.ts';

/** Number of the barrier's protocol; a barrier accepts this one and the one before. */
export const PROTOCOL = 1;

export function attachedText(version: string, policy: CompiledPolicy): string {
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
