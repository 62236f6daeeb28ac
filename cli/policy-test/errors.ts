/** Errors of `torwacht policy test`. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  output: {
    code: 'TW_POLICY_TEST_OUTPUT',
    message: 'The results cannot be written to {path}: {reason}',
    hint: 'Name a file that you may write, in a folder that exists.',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorSpec>;
