/**
 * A node:test reporter that writes one JSON line for each event that counts. It runs inside the suite's
 * process; `tally.ts` reads what it writes. Output of the tests is left where it is.
 */

import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** One line of the stream. `path` is the test's name below the names of what it stands in. */
export type Line =
  | {
      readonly event: 'result';
      readonly outcome: 'pass' | 'fail';
      readonly type: 'test' | 'suite';
      readonly path: readonly string[];
      readonly file: string | null;
      /** `false`, or the reason (empty where none was given). */
      readonly skip: string | false;
      readonly todo: string | false;
      /** node:test's word for why it failed: `testCodeFailure`, `subtestsFailed`, … */
      readonly failureType: string | null;
      readonly error: string | null;
      readonly ms: number;
    }
  | { readonly event: 'output'; readonly file: string; readonly text: string }
  /** What a test has to say although it passed: `t.diagnostic`. */
  | { readonly event: 'note'; readonly text: string }
  /** node:test has come to its end; a stream without it was cut off. */
  | { readonly event: 'end' };

type Finished = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>;

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const open: string[] = [];
  for await (const event of source) {
    const line = toLine(event, open);
    if (line) yield `${JSON.stringify(line)}\n`;
  }
  yield `${JSON.stringify({ event: 'end' } satisfies Line)}\n`;
}

function toLine(event: TestEvent, open: string[]): Line | undefined {
  switch (event.type) {
    case 'test:start':
      open.length = event.data.nesting;
      open.push(event.data.name);
      return undefined;
    case 'test:stdout':
    case 'test:stderr':
      return { event: 'output', file: event.data.file, text: event.data.message };
    case 'test:diagnostic':
      // node:test's own sums come without a file.
      return event.data.file === undefined
        ? undefined
        : { event: 'note', text: event.data.message };
    case 'test:pass':
    case 'test:fail':
      return result(event, [...open.slice(0, event.data.nesting), event.data.name]);
    default:
      return undefined;
  }
}

function result(event: Finished, path: readonly string[]): Line {
  const { data } = event;
  const error = event.type === 'test:fail' ? event.data.details.error : undefined;
  return {
    event: 'result',
    outcome: event.type === 'test:pass' ? 'pass' : 'fail',
    type: data.details.type === 'suite' ? 'suite' : 'test',
    path,
    file: data.file ?? null,
    skip: reason(data.skip),
    todo: reason(data.todo),
    failureType: error && 'failureType' in error ? String(error.failureType) : null,
    error: error ? inspect(error.cause ?? error, { colors: false, depth: 6 }) : null,
    ms: data.details.duration_ms,
  };
}

function reason(value: string | boolean | undefined): string | false {
  if (value === undefined || value === false) return false;
  return value === true ? '' : value;
}
