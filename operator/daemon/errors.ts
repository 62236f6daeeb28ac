/** Errors of the operator's process. What is wrong with an object is said in its status. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  option: {
    code: 'TW_OPERATOR_OPTION',
    message: '{option}: {reason}.',
    hint: '`torwacht-operator --help` lists what there is.',
    exit: 'usage',
  },
  listen: {
    code: 'TW_OPERATOR_LISTEN',
    message: 'Health and metrics cannot be served at {where}: {reason}.',
    hint: 'Give another address with `--listen`.',
    exit: 'host',
  },
  intake: {
    code: 'TW_OPERATOR_INTAKE',
    message: 'Rows of agents cannot be taken at {where}: {reason}.',
    hint: 'Give another address with `--intake`, or `off`.',
    exit: 'host',
  },
  answers: {
    code: 'TW_OPERATOR_ANSWERS',
    message: 'People cannot be answered at {where}: {reason}.',
    hint: 'Give another address with `--answers`, or `off`.',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
