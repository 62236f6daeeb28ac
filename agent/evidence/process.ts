/** The kernel's record of a process as the fields of a row. */

import { escapeField } from '#api/escape.ts';
import type { EgressEvent } from '#api/event.ts';
import type { ProcessRecord } from '#bpf/records.ts';

export type ProcessFields = Pick<
  EgressEvent,
  'pid' | 'comm' | 'parent_comm' | 'exe' | 'argv' | 'uid' | 'ancestry'
>;

export const unknownProcess: ProcessFields = {
  pid: null,
  comm: null,
  parent_comm: null,
  exe: null,
  argv: null,
  uid: null,
  ancestry: [],
};

/** `outside`: is this pid a process that runs the target rather than a part of it? */
export function processFields(
  record: ProcessRecord,
  outside: (pid: number) => boolean,
): ProcessFields {
  const line = record.ancestor
    .slice(0, record.ancestors)
    .map((a) => ({ pid: a.pid, comm: escapeField(a.comm) }));
  const border = line.findIndex((a) => outside(a.pid));
  const inside = border < 0 ? line : line.slice(0, border);
  return {
    pid: record.pid,
    comm: escapeField(record.comm),
    parent_comm: inside[0]?.comm ?? null,
    exe: escapeField(record.exe) || null,
    argv: words(record) || null,
    uid: record.uid,
    ancestry: inside.reverse(),
  };
}

/** Processes whose fields are remembered; a mighty job may make any number of others. */
const MOST = 1024;

/** Rows of one process share its fields: there may be thousands of them. */
export class Processes {
  readonly #outside: (pid: number) => boolean;
  readonly #known = new Map<string, ProcessFields>();
  /** Of records themselves, with what was outside then: the kernel's table gives one that stays as it is again. */
  readonly #read = new WeakMap<ProcessRecord, { fields: ProcessFields; outside: number }>();

  constructor(outside: (pid: number) => boolean) {
    this.#outside = outside;
  }

  /** As the process is called now: another name, or another program, makes other fields. */
  fieldsOf(record: ProcessRecord): ProcessFields {
    const outside = this.#outsideOf(record);
    const read = this.#read.get(record);
    if (read?.outside === outside) return read.fields;
    const fields = this.#shared(record);
    this.#read.set(record, { fields, outside });
    return fields;
  }

  /** Which of its ancestors are, as a bit mask. */
  #outsideOf({ ancestor, ancestors }: ProcessRecord): number {
    let mask = 0;
    for (let i = 0; i < ancestors; i++) {
      if (this.#outside(ancestor[i]?.pid ?? 0)) mask |= 1 << i;
    }
    return mask;
  }

  #shared(record: ProcessRecord): ProcessFields {
    const key = this.#keyOf(record);
    const known = this.#known.get(key);
    if (known) return known;
    const fields = processFields(record, this.#outside);
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(key, fields);
    return fields;
  }

  #keyOf({ pid, uid, argv_size, ancestors, ancestor, ...texts }: ProcessRecord): string {
    const line = ancestor.slice(0, ancestors).map((one) => {
      return `${one.pid} ${this.#outside(one.pid)} ${one.comm.toString('latin1')}`;
    });
    const own = [texts.comm, texts.exe, texts.argv].map((text) => text.toString('latin1'));
    return [pid, uid, argv_size, ...own, ...line].join('\n');
  }
}

/** Arguments in one line; one that holds a blank is quoted. */
function words(record: ProcessRecord): string {
  const all = record.argv.subarray(0, record.argv_size);
  const list: string[] = [];
  for (let at = 0; at < all.length; ) {
    const end = all.indexOf(0, at);
    const word = escapeField(all.subarray(at, end < 0 ? all.length : end));
    list.push(/[ '"]/.test(word) || word === '' ? `'${word.replaceAll("'", '\\x27')}'` : word);
    at = end < 0 ? all.length : end + 1;
  }
  return list.join(' ');
}
