/** Errors of this folder. What is wrong inside a document is a `Problem` (problem.ts), not an error. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  unreadable: {
    code: 'TW_POLICY_UNREADABLE',
    message: 'The policy at {path} cannot be read: {why}.',
    hint: 'Give a file, or a folder of .yaml files, that exists and that you may read.',
    exit: 'usage',
  },
  noDocuments: {
    code: 'TW_POLICY_EMPTY_FOLDER',
    message: 'The folder {path} holds no .yaml or .yml file.',
    hint: 'Give the folder that holds the EgressPolicy documents; folders below it are not read.',
    exit: 'usage',
  },
  unknownPreset: {
    code: 'TW_POLICY_UNKNOWN_PRESET',
    message: 'There is no preset named {preset}.',
    hint: '`torwacht policy presets` lists the presets of this version.',
    exit: 'usage',
  },
  destination: {
    code: 'TW_POLICY_DESTINATION',
    message: '{text} is no destination: it {message}.',
    hint: '{hint}',
    exit: 'usage',
  },
  domain: {
    code: 'TW_POLICY_DOMAIN',
    message: 'Names cannot be collapsed below {text}: it {message}.',
    hint: '{hint}',
    exit: 'usage',
  },
  events: {
    code: 'TW_POLICY_EVENTS',
    message: 'Line {line} of {path} is no event: {why}.',
    hint: 'Give files that `torwacht run --output` wrote: one JSON event a line, and nothing else.',
    exit: 'usage',
  },
  unreadableEvents: {
    code: 'TW_POLICY_EVENTS_UNREADABLE',
    message: 'The events at {path} cannot be read: {why}.',
    hint: 'Give a file that exists, that you may read, and that holds at most {mebibytes} MiB.',
    exit: 'usage',
  },
  invalidDocument: {
    code: 'TW_POLICY_INVALID',
    message: '{document}: {field}: {message}',
    hint: '{hint}',
    exit: 'policy',
  },
  tooLarge: {
    code: 'TW_POLICY_TOO_LARGE',
    message: 'All policies of one target together hold more than {max} {what}.',
    hint: 'Use wildcards or wider prefixes, or fewer ceilings, and remove what nothing needs.',
    exit: 'policy',
  },
  tooManyLines: {
    code: 'TW_POLICY_TOO_MANY_LINES',
    message: '{subject} is named by rules with more than {max} different port ranges together.',
    hint: 'Use wider port ranges, or fewer rules for it: {rules}.',
    exit: 'policy',
  },
} as const satisfies Record<string, ErrorSpec>;
