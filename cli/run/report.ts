/** Where the rows of a run go: lines and a table for people, JSON lines for programs. */
import { asciiJson } from '#api/escape.ts';
import type { EgressEvent } from '#api/event.ts';
import { liveLine, type Style, table } from './present.ts';

export interface ReportOptions {
  readonly json: boolean;
  readonly style: Style;
  /** Standard error: standard output is the command's own. */
  tell(text: string): void;
  /** JSON lines into a file, beside what is told. */
  readonly file?: { write(text: string): void } | undefined;
}

export interface Summary {
  readonly rows: readonly EgressEvent[];
  /** Refusals that no row of their own stands for. */
  readonly overflow: number;
  readonly eventsLost: number;
}

export class Report {
  readonly #options: ReportOptions;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  /** A row that happens now for the first time. */
  row(event: EgressEvent): void {
    const { json, style, tell, file } = this.#options;
    file?.write(jsonLine(event));
    if (json) tell(jsonLine(event));
    else if (isForPeople(event)) tell(`${liveLine(event, style)}\n`);
  }

  /** The end: rows that happened again are told again with their final count. */
  end({ rows, overflow, eventsLost }: Summary): void {
    const { json, style, tell, file } = this.#options;
    for (const event of rows) {
      if (event.count === 1) continue;
      file?.write(jsonLine(event));
      if (json) tell(jsonLine(event));
    }
    if (json) return;
    const text = table(rows.filter(isForPeople), style);
    if (text !== '') tell(`\n${text}`);
    if (overflow > 0)
      tell(`torwacht: and ${overflow} more attempts, beyond what rows are kept for\n`);
    if (eventsLost > 0)
      tell(`torwacht: ${eventsLost} rows were told late, because too many came at once\n`);
  }
}

/** People are told what was or would be refused; programs get all. */
function isForPeople(event: EgressEvent): boolean {
  return event.action !== 'allow';
}

function jsonLine(event: EgressEvent): string {
  return `${asciiJson(event)}\n`;
}
