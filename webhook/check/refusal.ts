/** The words of a refusal: one line, because a policy of Kubernetes cannot have more. */
import { escapeText } from '#api/escape.ts';

export interface Problem {
  readonly code: string;
  /** What is wrong. */
  readonly sentence: string;
  /** What to do about it. */
  readonly hint: string;
}

/** Problems beyond these are counted: a job's log is no place for forty lines. */
const MAX_SHOWN = 4;
/** Characters; what is longer than a kilobyte nobody reads in a log. */
const MAX_TEXT = 2000;

/**
 * As GitLab Runner prints it behind `admission webhook "…" denied the request: `.
 * @example refusalText([{ code: 'TW_ADMIT_HOST_PID', sentence: "it shares the node's processes", hint: 'No.' }])
 */
export function refusalText(problems: readonly Problem[]): string {
  const shown = problems.slice(0, MAX_SHOWN);
  const sentences = shown.map(({ sentence, code }) => `${sentence} [${code}]`).join('; ');
  const more = problems.length - shown.length;
  const rest = more > 0 ? `; and ${more} more` : '';
  const hints = [...new Set(shown.map(({ hint }) => hint))].join(' ');
  return escapeText(`Torwacht refuses this pod: ${sentences}${rest}. ${hints}`).slice(0, MAX_TEXT);
}
