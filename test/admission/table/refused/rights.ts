/** Containers with too many rights. */
import {
  buildWith,
  changed,
  job,
  labelled,
  own,
  owned,
  specWith,
  withEphemeral,
  withInit,
} from '../pods.ts';
import type { Row } from '../row.ts';

const PROJECT = 'project.runner.gitlab.com/id';

const CAPABILITY = 'TW_ADMIT_CAPABILITY';
const SECCOMP = 'TW_ADMIT_SECCOMP';
const capability = (change: object) => buildWith(['securityContext', 'capabilities'], change);
const unconfined = { type: 'Unconfined' };
const rights: readonly Row[] = [
  {
    what: 'privileged',
    pod: buildWith(['securityContext', 'privileged'], true),
    code: 'TW_ADMIT_PRIVILEGED',
  },
  {
    what: 'a privileged init container behind the barrier',
    pod: withInit(1, {
      name: 'prep',
      image: 'registry.example.com/tool:1',
      securityContext: { privileged: true },
    }),
    code: 'TW_ADMIT_PRIVILEGED',
  },
  {
    what: 'a privileged service',
    pod: changed(job, ['spec', 'containers', 2, 'securityContext', 'privileged'], true),
    code: 'TW_ADMIT_PRIVILEGED',
  },
  {
    what: 'privileged in a project without the exception',
    under: 'some',
    pod: buildWith(['securityContext', 'privileged'], true, labelled(PROJECT, '43')),
    code: 'TW_ADMIT_PRIVILEGED',
  },
  {
    what: 'privileged in a pod of no project',
    under: 'some',
    by: 'stranger',
    pod: buildWith(['securityContext', 'privileged'], true, own),
    code: 'TW_ADMIT_PRIVILEGED',
  },
  {
    what: 'an unmasked /proc',
    pod: specWith('hostUsers', false, buildWith(['securityContext', 'procMount'], 'Unmasked')),
    code: 'TW_ADMIT_PRIVILEGED',
  },
  {
    what: 'NET_ADMIN',
    pod: capability({ drop: ['NET_RAW'], add: ['NET_ADMIN'] }),
    code: CAPABILITY,
  },
  { what: 'NET_RAW', pod: capability({ drop: ['ALL'], add: ['NET_RAW'] }), code: CAPABILITY },
  {
    what: 'SYS_ADMIN',
    pod: capability({ drop: ['NET_RAW'], add: ['SYS_ADMIN'] }),
    code: CAPABILITY,
  },
  { what: 'BPF', pod: capability({ drop: ['NET_RAW'], add: ['BPF'] }), code: CAPABILITY },
  {
    what: 'SYS_PTRACE without the binding’s leave',
    pod: capability({ drop: ['NET_RAW'], add: ['SYS_PTRACE'] }),
    code: CAPABILITY,
  },
  {
    what: 'all capabilities',
    pod: capability({ drop: ['NET_RAW'], add: ['ALL'] }),
    code: CAPABILITY,
  },
  {
    what: 'a capability with the kernel’s prefix',
    pod: capability({ drop: ['NET_RAW'], add: ['CAP_NET_ADMIN'] }),
    code: CAPABILITY,
  },
  {
    what: 'a capability in small letters',
    pod: capability({ drop: ['NET_RAW'], add: ['net_admin'] }),
    code: CAPABILITY,
  },
  {
    what: 'one of the baseline where the binding names others',
    under: 'some',
    pod: capability({ drop: ['NET_RAW'], add: ['SETUID'] }),
    code: CAPABILITY,
  },
  { what: 'nothing dropped', pod: capability({}), code: 'TW_ADMIT_NET_RAW' },
  {
    what: 'something else dropped',
    pod: capability({ drop: ['CHOWN', 'KILL'] }),
    code: 'TW_ADMIT_NET_RAW',
  },
  {
    what: 'NET_RAW dropped in small letters',
    pod: capability({ drop: ['net_raw'] }),
    code: 'TW_ADMIT_NET_RAW',
  },
  {
    what: 'a service without a security context',
    pod: changed(job, ['spec', 'containers', 2, 'securityContext'], undefined),
    code: 'TW_ADMIT_NET_RAW',
  },
  { what: 'no profile', pod: specWith('securityContext', {}), code: SECCOMP },
  {
    what: 'no profile for the pod, unconfined',
    pod: specWith('securityContext', { seccompProfile: unconfined }),
    code: SECCOMP,
  },
  {
    what: 'one container unconfined',
    pod: buildWith(['securityContext', 'seccompProfile'], unconfined),
    code: SECCOMP,
  },
  {
    what: 'one container unconfined where nodes have a default',
    under: 'some',
    pod: buildWith(['securityContext', 'seccompProfile'], unconfined),
    code: SECCOMP,
  },
  {
    what: 'a profile of the node that the binding does not name',
    pod: buildWith(['securityContext', 'seccompProfile'], {
      type: 'Localhost',
      localhostProfile: 'profiles/torwacht.json',
    }),
    code: SECCOMP,
  },
  {
    what: 'another profile of the node',
    under: 'some',
    pod: buildWith(['securityContext', 'seccompProfile'], {
      type: 'Localhost',
      localhostProfile: 'profiles/loose.json',
    }),
    code: SECCOMP,
  },
];

const debug = { phase: 'ephemeral', by: 'admin' } as const;
const drop = { capabilities: { drop: ['ALL'] } };
/** A pod that somebody makes by hand with the barrier, in the name of a workload that is exempt. */
const inManagersName = changed(
  specWith('serviceAccountName', 'gitlab-runner', own),
  ['metadata', 'ownerReferences'],
  owned('ReplicaSet', 'gitlab-runner-5d8f9c7b64', 'gitlab-runner').metadata.ownerReferences,
);
const ephemeral: readonly Row[] = [
  {
    what: 'a privileged debugger in a governed pod that names an exempt owner',
    ...debug,
    pod: withEphemeral({ securityContext: { privileged: true } }, inManagersName),
    code: 'TW_ADMIT_PRIVILEGED',
  },
  {
    what: 'a privileged debugger',
    ...debug,
    pod: withEphemeral({ securityContext: { privileged: true } }),
    code: 'TW_ADMIT_PRIVILEGED',
  },
  {
    what: 'a debugger with SYS_PTRACE',
    ...debug,
    pod: withEphemeral({
      securityContext: { capabilities: { drop: ['ALL'], add: ['SYS_PTRACE'] } },
    }),
    code: CAPABILITY,
  },
  {
    what: 'a debugger with the usual capabilities',
    ...debug,
    pod: withEphemeral({}),
    code: 'TW_ADMIT_NET_RAW',
  },
  {
    what: 'an unconfined debugger',
    ...debug,
    pod: withEphemeral({ securityContext: { ...drop, seccompProfile: unconfined } }),
    code: SECCOMP,
  },
  {
    what: 'a privileged debugger by the runner',
    phase: 'ephemeral',
    pod: withEphemeral({ securityContext: { privileged: true } }),
    code: 'TW_ADMIT_PRIVILEGED',
  },
];

export const refusedRights: readonly Row[] = [...rights, ...ephemeral];
