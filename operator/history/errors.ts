/** Errors of the history. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  newer: {
    code: 'TW_HISTORY_NEWER',
    message: 'The history has schema {version}, and this version of Torwacht knows {known}.',
    hint: 'Run the version that wrote it, or a newer one; or name another database.',
    exit: 'host',
  },
  place: {
    code: 'TW_HISTORY_PLACE',
    message: 'The history cannot be kept where --history says: {reason}.',
    hint: 'Name a file in a folder that exists and may be written, postgres://USER@HOST/DATABASE, or `none`.',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorSpec>;
