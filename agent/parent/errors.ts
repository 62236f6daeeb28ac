/** Errors of the channel to the agent's parent. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  channel: {
    code: 'TW_PARENT_CHANNEL',
    message: 'the agent’s parent does not answer: {reason}',
    hint: 'start the agent by torwacht-parent, or without TORWACHT_PARENT in its environment',
    exit: 'host',
  },
  refused: {
    code: 'TW_PARENT_REFUSED',
    message: 'the agent’s parent does not keep the socket {key}: {reason}',
    hint: 'the target is not held; a limit of open files (RLIMIT_NOFILE) may be too low for the parent',
    exit: 'host',
  },
  offer: {
    code: 'TW_PARENT_OFFER',
    message: 'the next agent of this node cannot take over from this one: {reason}',
    hint: 'TORWACHT_STATE must name a folder of the node that is there and can be written; without it look-ups fail while the agent’s pod is replaced',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
