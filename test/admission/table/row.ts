/** A row of the table: a pod, who makes it under which binding, and what must come of it. */
import type { PodRequest, User } from '#webhook/check/asked.ts';
import type { Pod } from '#webhook/check/pod.ts';
import type { BindingName } from './bindings.ts';

export const users = {
  runner: (namespace: string) => account(namespace, 'gitlab-runner'),
  fleet: () => account('runners', 'fleet'),
  stranger: (namespace: string) => account(namespace, 'stranger'),
  foreignRunner: () => account('elsewhere', 'gitlab-runner'),
  replicaset: () => account('kube-system', 'replicaset-controller'),
  job: () => account('kube-system', 'job-controller'),
  daemonset: () => account('kube-system', 'daemon-set-controller'),
  manager: () => ({ username: 'system:kube-controller-manager', groups: [] }),
  admin: () => ({ username: 'ada', groups: ['platform'] }),
} as const satisfies Record<string, (namespace: string) => User>;
export type UserName = keyof typeof users;

function account(namespace: string, name: string): User {
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  };
}

export interface Row {
  readonly what: string;
  /** Null where it is accepted; otherwise the first rule that refuses it. */
  readonly code: string | null;
  /** `plain` when omitted. */
  readonly under?: BindingName;
  /** The namespace's own runner when omitted. */
  readonly by?: UserName;
  /** `create` when omitted; `connect` has no pod of its own. */
  readonly phase?: PodRequest['phase'];
  readonly pod: Pod;
  /** An update of this part of the pod, which can carry labels too. */
  readonly through?: 'status';
  /** Of an update. */
  readonly before?: Pod;
  /** The API server's own validation refuses it, before or after admission. */
  readonly impossible?: true;
}

export function requestOf({
  under = 'plain',
  by = 'runner',
  phase = 'create',
  ...row
}: Row): PodRequest {
  const always = { namespace: under, user: users[by](under) };
  switch (phase) {
    case 'create':
      return { ...always, phase, pod: row.pod };
    case 'update':
      return { ...always, phase, pod: row.pod, before: row.before ?? row.pod };
    case 'ephemeral':
      return { ...always, phase, pod: row.pod };
    case 'bind':
      return { ...always, phase, said: row.pod.metadata };
    case 'connect':
      return { ...always, phase };
  }
}
