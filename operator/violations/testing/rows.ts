/** A row as an agent sends it. */
import type { EgressEvent } from '#api/event.ts';

export function rowOf(change: Partial<EgressEvent> = {}): EgressEvent {
  return {
    ...{ version: 1, id: 'row', action: 'block', target: 't' },
    ...{ time: '2026-01-02T03:04:05.678Z', last_seen: '2026-01-02T03:04:06.000Z' },
    ...{ namespace: 'ci', pod: 'runner-1', container: 'build', project_id: '42' },
    ...{ job_name: 'install', job_url: null, pid: 77, comm: 'node', parent_comm: 'npm', uid: 1000 },
    ...{ exe: '/usr/bin/node', argv: 'node setup.js' },
    ancestry: [
      { pid: 5, comm: 'sh' },
      { pid: 76, comm: 'npm' },
    ],
    ...{ domain: 'evil.example', ip: '192.0.2.1', port: 8000, protocol: 'tcp' },
    ...{ count: 1, added: 1, rule: 'default', policy: null, reason: 'default' },
    ...change,
  };
}
