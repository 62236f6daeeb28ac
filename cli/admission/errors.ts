/** Errors of `torwacht admission`. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  unreadable: {
    code: 'TW_ADMISSION_UNREADABLE',
    message: '{path} cannot be read: {reason}',
    hint: 'Name a file with pods, as kubectl get pod -o yaml writes it.',
    exit: 'usage',
  },
  document: {
    code: 'TW_ADMISSION_DOCUMENT',
    message: '{path} cannot be judged: {reason}',
    hint: 'Pods and RunnerBindings are read as an API server has them.',
    exit: 'policy',
  },
} as const satisfies Record<string, ErrorSpec>;
