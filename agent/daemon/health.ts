/** The agent's health: `/readyz` while pods can be held. */
import { failure } from '#api/error.ts';
import { type Health, type HealthOptions, serveHealth } from '#kube/health.ts';
import { errors } from './errors.ts';

export interface AgentHealthOptions extends HealthOptions {
  /** Said in each answer: who asks may find another agent at the same port. */
  readonly instance: string;
}

/** @throws TW_AGENT_LISTEN (rejects) */
export async function serveAgentHealth({
  instance,
  ...options
}: AgentHealthOptions): Promise<Health> {
  try {
    return await serveHealth({ ...options, headers: { 'torwacht-instance': instance } });
  } catch (cause) {
    const where = `${options.address}:${options.port}`;
    throw failure(errors.listen, { where, reason: (cause as Error).message }, cause);
  }
}
