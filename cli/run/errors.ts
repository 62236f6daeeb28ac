/** Errors of `torwacht run`. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  notRoot: {
    code: 'TW_RUN_NOT_ROOT',
    message: 'torwacht run needs the rights of root, and this is user {uid}',
    hint: 'run it as root, or by sudo where root has written /etc/torwacht/run.yaml; under sudo the command itself runs as you',
    exit: 'privilege',
  },
  noPolicy: {
    code: 'TW_RUN_NO_POLICY',
    message: 'no policy is given, and {path} names none',
    hint: 'name one with --policy FILE, or under spec.policy there; `torwacht policy presets` shows what rules can build on',
    exit: 'usage',
  },
  badPolicy: {
    code: 'TW_RUN_BAD_POLICY',
    message: 'the policy has {count}:\n{list}',
    hint: 'mend it; `torwacht policy check` tells the same without running anything',
    exit: 'policy',
  },
  events: {
    code: 'TW_RUN_EVENTS',
    message: 'the events cannot go to {path}: {reason}',
    hint: 'name a file elsewhere for --output',
    exit: 'usage',
  },
  suggest: {
    code: 'TW_RUN_SUGGEST',
    message: 'the suggestion cannot go to {path}: {reason}',
    hint: 'name a file elsewhere; read what is suggested, then put it there yourself',
    exit: 'usage',
  },
  cgroupNamespace: {
    code: 'TW_RUN_CGROUP_NAMESPACE',
    message:
      'torwacht runs in a cgroup namespace of its own, where it cannot tell whose packets are whose',
    hint: "start it outside the container, or give the container the host's cgroup namespace (docker run --cgroupns=host)",
    exit: 'host',
  },
  noUpstream: {
    code: 'TW_RUN_NO_UPSTREAM',
    message: 'this host names no DNS server in /etc/resolv.conf',
    hint: 'name one with --upstream ADDRESS, or in the RunnerBinding under spec.dns.upstreams',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
