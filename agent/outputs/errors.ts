/** Errors of what the agent is told about its outputs. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  output: {
    code: 'TW_OUTPUT_OPTION',
    message: 'the output {output} makes no sense: {reason}',
    hint: 'docs/agent.md lists the outputs: stdout, operator:FOLDER, webhook:URL,secret=FILE and otlp:URL,headers=FILE',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorSpec>;
