/** What can go wrong with the host's cgroup tree. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  noCgroup2: {
    code: 'TW_HOST_NO_CGROUP2',
    message: 'No cgroup2 file system is mounted on this host.',
    hint: 'Mount one (`mount -t cgroup2 none /sys/fs/cgroup/unified`, after `mkdir` of the folder), or boot with systemd.unified_cgroup_hierarchy=1.',
    exit: 'host',
  },
  readOnlyCgroup2: {
    code: 'TW_HOST_CGROUP2_READ_ONLY',
    message: 'The cgroup2 file system at {path} is read-only.',
    hint: 'Run on the host itself, or give the container a writable cgroup2 mount.',
    exit: 'host',
  },
  tagged: {
    code: 'TW_HOST_TAGGED_SOCKETS',
    message: 'On Linux {kernel}, {controllers} of cgroup v1 can take sockets out of their cgroup.',
    hint: 'Nothing would be held. Use Linux 5.15 or newer, or boot with cgroup_no_v1={controllers}.',
    exit: 'host',
  },
  noOwnCgroup: {
    code: 'TW_HOST_NO_OWN_CGROUP',
    message: 'Process {pid} has no place in the cgroup2 tree.',
    hint: 'Its /proc/<pid>/cgroup needs a line that starts with `0::`; check that the process still runs.',
    exit: 'host',
  },
  outsideMount: {
    code: 'TW_HOST_CGROUP_OUTSIDE',
    message: 'Cgroup {cgroup} lies outside what {path} shows.',
    hint: 'The mount shows another part of the tree; mount cgroup2 in this cgroup namespace.',
    exit: 'host',
  },
  cannotCreate: {
    code: 'TW_HOST_CGROUP_CREATE',
    message: 'Cgroup {path} cannot be made.',
    hint: 'Run as root, and check cgroup.max.descendants and cgroup.max.depth of the folders above.',
    exit: 'host',
  },
  notEmpty: {
    code: 'TW_HOST_CGROUP_NOT_EMPTY',
    message: 'Cgroup {path} still holds processes after {rounds} rounds of SIGKILL: {pids}.',
    hint: 'A process in an uninterruptible wait ends when its device answers; then run `torwacht cleanup`.',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
