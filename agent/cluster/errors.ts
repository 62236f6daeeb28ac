/** Errors of what the API server gives a node. None of them takes away what is in force. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  headMissing: {
    code: 'TW_AGENT_HEAD_MISSING',
    message: 'The PolicyBundle {name}, which this node must hold, does not exist.',
    hint: 'The operator writes it; look at its log.',
    exit: 'policy',
  },
  headOfAnother: {
    code: 'TW_AGENT_HEAD_OF_ANOTHER',
    message: 'The PolicyBundle {name} is not the head of the RunnerBinding {binding}.',
    hint: 'The operator writes both; look at its log.',
    exit: 'policy',
  },
  noBinding: {
    code: 'TW_AGENT_NO_BINDING',
    message: 'The bundle {name} does not hold its RunnerBinding {binding}.',
    hint: 'The operator writes bundles; look at its log.',
    exit: 'policy',
  },
  pieceUnread: {
    code: 'TW_AGENT_PIECE_UNREAD',
    message: 'The piece {name} cannot be had from the API server: {why}',
    hint: 'It is tried again; may the agent read PolicyBundles?',
    exit: 'host',
  },
  tooLarge: {
    code: 'TW_AGENT_BUNDLES_TOO_LARGE',
    message: 'All bundles of this node together would have {size} bytes, and {limit} are the most.',
    hint: 'Fewer or smaller policies, or bindings that fewer nodes must hold.',
    exit: 'policy',
  },
  unwritable: {
    code: 'TW_AGENT_STATE',
    message: 'Bundles cannot be kept at {path}: {why}',
    hint: 'Without a copy on disk nothing new is taken, so that a restart goes on where this one was.',
    exit: 'host',
  },
  damaged: {
    code: 'TW_AGENT_STATE_DAMAGED',
    message: 'What was kept of bundles at {path} cannot be used: {why}',
    hint: 'It is fetched anew from the API server; until then held pods keep the policy that they have.',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
