/** Errors of `torwacht run`. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  notRoot: {
    code: 'TW_RUN_NOT_ROOT',
    message: 'torwacht run needs the rights of root, and this is user {uid}',
    hint: 'run it with sudo; the command itself then runs as you, without those rights',
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
  noUpstream: {
    code: 'TW_RUN_NO_UPSTREAM',
    message: 'this host names no DNS server in /etc/resolv.conf',
    hint: 'name one with --upstream ADDRESS, or in the RunnerBinding under spec.dns.upstreams',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
