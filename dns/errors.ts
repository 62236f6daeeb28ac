/**
 * Errors of the DNS layer. Malformed messages are not here: they are values (`Malformed`), because a
 * job can send as many as it likes and an Error with its stack would make each of them dear.
 */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  name: {
    code: 'TW_DNS_NAME',
    message: 'The name {name} cannot be written into a DNS message: {why}.',
    hint: 'Use lower-case labels of 1 to 63 letters, digits, hyphens or underscores, 253 bytes in all.',
    exit: 'internal',
  },
  text: {
    code: 'TW_DNS_TEXT',
    message: 'A TXT answer of {length} bytes is longer than {most} bytes or is not plain ASCII.',
    hint: 'Shorten the attached answer; it must fit one small datagram.',
    exit: 'internal',
  },
} as const satisfies Record<string, ErrorSpec>;
