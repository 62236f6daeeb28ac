/** Errors of the agent as a program. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  option: {
    code: 'TW_AGENT_OPTION',
    message: 'the agent cannot start with its {option}: {reason}',
    hint: 'torwacht-agent --help lists what can be said',
    exit: 'usage',
  },
  bundle: {
    code: 'TW_AGENT_BUNDLE',
    message: 'the bundle has {count}: {list}',
    hint: 'mend it; until then the last good bundle is in force, and without one no pod is governed and barriers refuse',
    exit: 'policy',
  },
  noApi: {
    code: 'TW_AGENT_NO_API',
    message: 'the API server cannot be asked for bundles: {reason}',
    hint: 'give the pod a service account token, or leave --node out to take the files of --bundle',
    exit: 'host',
  },
  noUpstream: {
    code: 'TW_AGENT_NO_UPSTREAM',
    message: 'no DNS server is known: none is given, and /etc/resolv.conf names none',
    hint: 'name one with --upstream ADDRESS, or in every RunnerBinding under spec.dns.upstreams',
    exit: 'host',
  },
  noBpffs: {
    code: 'TW_AGENT_BPFFS',
    message: 'no BPF file system is mounted, and one of the agent’s own would not outlive it',
    hint: 'mount one on the host, and show it to the agent’s container: mount -t bpf bpf /sys/fs/bpf',
    exit: 'host',
  },
  policyLost: {
    code: 'TW_AGENT_POLICY_LOST',
    message:
      'no binding governs the pod {pod} any more, and the policy that an agent before this one held it by is not known',
    hint: 'it stays refused what it was refused, and its look-ups fail, until it ends; give the agent a folder of the node as TORWACHT_STATE, which keeps policies',
    exit: 'host',
  },
  listen: {
    code: 'TW_AGENT_LISTEN',
    message: 'health and metrics cannot be served at {where}: {reason}',
    hint: 'another agent may run on this node; give another address with --listen',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
