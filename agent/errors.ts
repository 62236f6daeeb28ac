/** Errors of holding a target. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  tooManyAddresses: {
    code: 'TW_AGENT_ADDRESSES',
    message: 'the target holds {limit} addresses from DNS, none of them expired',
    hint: 'the lookup fails; if a job really needs so many hosts at once, allow their prefixes by `cidr`',
    exit: 'host',
  },
  tooManyNames: {
    code: 'TW_AGENT_NAMES',
    message: 'jobs on this host have asked for {limit} different names',
    hint: 'the lookup fails; start torwacht anew, and look into the rows who asks for so many',
    exit: 'host',
  },
  noSlot: {
    code: 'TW_AGENT_SLOTS',
    message: 'this engine holds {limit} targets, and none is free',
    hint: 'end some of the jobs on this host',
    exit: 'host',
  },
  notCarried: {
    code: 'TW_AGENT_NOT_CARRIED',
    message: 'the sockets of {count} processes in {cgroup} could not be looked at',
    hint: 'their open connections are judged as new ones are; the agent needs the host’s PID namespace and CAP_SYS_PTRACE',
    exit: 'host',
  },
  lookupsFull: {
    code: 'TW_AGENT_LOOKUPS_FULL',
    message: 'there is no room to write down a refused lookup',
    hint: 'it is counted all the same; what is not told yet of it is lost if this agent is killed',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
