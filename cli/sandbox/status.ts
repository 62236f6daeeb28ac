/**
 * What bwrap reports on --json-status-fd: one JSON object per line, `child-pid` when the sandbox's first
 * process exists and `exit-code` when the command has ended. `exit-code` comes only if what bwrap was
 * to start was executed.
 */
export class StatusReader {
  exitCode: number | undefined;
  /** The host's number of the sandbox's first process; undefined when there never was one. */
  readonly childPid: Promise<number | undefined>;
  #rest = '';
  #settle: (pid: number | undefined) => void = () => {};

  constructor() {
    this.childPid = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  /** Nothing more will come. */
  end(): void {
    this.#settle(undefined);
  }

  #line(line: string): void {
    if (line.trim() === '') return;
    const report = JSON.parse(line) as Record<string, unknown>;
    const pid = report['child-pid'];
    const code = report['exit-code'];
    if (typeof code === 'number') this.exitCode = code;
    if (typeof pid === 'number') this.#settle(pid);
  }
}
