/** The job log as GitLab Runner writes it: sections that GitLab folds, and colours. */

const CLEAR = '\x1b[0K';
const RESET = '\x1b[0;m';
const BOLD_CYAN = '\x1b[36;1m';
const BOLD_GREEN = '\x1b[32;1m';
const BOLD_RED = '\x1b[31;1m';
const YELLOW = '\x1b[0;33m';

export interface JobLog {
  /** As it is: what a script printed. */
  raw(text: string): void;
  info(line: string): void;
  plain(line: string): void;
  warning(line: string): void;
  /** Runs `body` between the marks of a section; the end is marked also when it throws. */
  section<T>(name: string, title: string, body: () => Promise<T>): Promise<T>;
  succeeded(): void;
  failed(reason: string): void;
}

/** @param now seconds since 1970 */
export function createLog(write: (text: string) => void, now: () => number): JobLog {
  const mark = (kind: 'start' | 'end', name: string) =>
    write(`section_${kind}:${now()}:${name}\r${CLEAR}`);
  return {
    raw: write,
    info: (line) => write(`${CLEAR}${line}${RESET}\n`),
    plain: (line) => write(`${line}\n`),
    warning: (line) => write(`${YELLOW}WARNING: ${line}${RESET}\n`),
    async section(name, title, body) {
      mark('start', name);
      write(`${CLEAR}${BOLD_CYAN}${title}${RESET}${RESET}\n`);
      try {
        return await body();
      } finally {
        mark('end', name);
      }
    },
    succeeded: () => write(`${BOLD_GREEN}Job succeeded${RESET}\n`),
    failed: (reason) => write(`${BOLD_RED}ERROR: Job failed${reason}${RESET}\n`),
  };
}

/** A line in green, as scripts of the runner print what they do. */
export const green = (line: string): string => `${BOLD_GREEN}${line}${RESET}`;

/** As Go prints a duration: 600 is `10m0s`. */
export function goDuration(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) return `${h}h${m}m${s}s`;
  return m > 0 ? `${m}m${s}s` : `${s}s`;
}
