/** What can go wrong while a test cluster is brought up or used, each with what to do next. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  notRoot: {
    code: 'TW_CLUSTER_NOT_ROOT',
    message: 'A cluster needs root: it makes namespaces, mounts and cgroups.',
    hint: 'Run the command again as root, or use CLUSTER=kind with an engine that you may use.',
    exit: 'privilege',
  },
  notBuilt: {
    code: 'TW_CLUSTER_NOT_BUILT',
    message: 'The program {path} of the cluster is not built.',
    hint: 'Run make cluster.',
    exit: 'host',
  },
  name: {
    code: 'TW_CLUSTER_NAME',
    message: '{name} cannot be the name of a cluster.',
    hint: 'TORWACHT_CLUSTER takes 1 to 24 lower-case letters, digits and dashes.',
    exit: 'usage',
  },
  command: {
    code: 'TW_CLUSTER_COMMAND',
    message: '{command} failed: {reason}',
    hint: 'What the programs of the cluster said is in {logs}.',
    exit: 'host',
  },
  ended: {
    code: 'TW_CLUSTER_PROGRAM_ENDED',
    message: '{program} of the cluster ended while it was started: {reason}',
    hint: 'Its whole log is {log}.',
    exit: 'host',
  },
  late: {
    code: 'TW_CLUSTER_LATE',
    message: 'After {seconds} s still not so: {what}. {seen}',
    hint: 'A start that failed leaves its logs in build/cluster/failed. On a very busy machine, try again.',
    exit: 'host',
  },
  down: {
    code: 'TW_CLUSTER_DOWN',
    message: 'There is no running cluster {name}.',
    hint: 'Run make cluster-up.',
    exit: 'host',
  },
  left: {
    code: 'TW_CLUSTER_LEFT',
    message: 'The cluster {name} could not be removed whole: {what} is still there.',
    hint: 'Look for who holds it (fuser, lsof), end that, and run make cluster-down again.',
    exit: 'host',
  },
  busy: {
    code: 'TW_CLUSTER_BUSY',
    message: 'Process {holder} is bringing the cluster {name} up or down.',
    hint: 'Wait until it has ended, then try again.',
    exit: 'host',
  },
  kind: {
    code: 'TW_CLUSTER_KIND',
    message: 'A cluster made by kind has no {what}.',
    hint: 'Run this against the cluster of make cluster-up.',
    exit: 'usage',
  },
  noCgroup: {
    code: 'TW_CLUSTER_NO_CGROUP2',
    message: 'No cgroup2 file system is mounted whose root this process can see.',
    hint: 'Mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified.',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
