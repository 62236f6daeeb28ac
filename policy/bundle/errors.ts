/** Errors of bundles that were read. None of them takes away what is in force. */
import type { ErrorSpec } from '#api/error.ts';

const again = 'The operator writes bundles anew when they are deleted; look at its log.';

export const errors = {
  digest: {
    code: 'TW_BUNDLE_DIGEST',
    message: 'The {what} {name} does not have the content that its name says.',
    hint: again,
    exit: 'policy',
  },
  missing: {
    code: 'TW_BUNDLE_MISSING',
    message: 'The bundle lacks its piece {name}.',
    hint: 'Wait for the operator to write it.',
    exit: 'policy',
  },
  content: {
    code: 'TW_BUNDLE_CONTENT',
    message: 'The piece {name} cannot be used: {why}.',
    hint: 'Operator and agent may be of different versions: upgrade the older one.',
    exit: 'policy',
  },
} as const satisfies Record<string, ErrorSpec>;
