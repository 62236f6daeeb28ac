/** Errors of the webhook as a program. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  option: {
    code: 'TW_WEBHOOK_OPTION',
    message: 'the webhook cannot start with its {option}: {reason}',
    hint: 'torwacht-webhook --help lists what can be said',
    exit: 'usage',
  },
  listen: {
    code: 'TW_WEBHOOK_LISTEN',
    message: '{what} cannot be served at {where}: {reason}',
    hint: 'another program may listen there; give another address',
    exit: 'host',
  },
  certificate: {
    code: 'TW_WEBHOOK_CERTIFICATE',
    message: 'the certificate in {where} cannot be used: {reason}',
    hint: 'tls.crt and tls.key must be PEM and belong together; the one before stays in use',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
