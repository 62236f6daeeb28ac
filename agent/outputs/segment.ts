/** One file of a spool: rows of one instance, a line of JSON each. Read from its beginning, removed when all is read. */
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Numbered } from './output.ts';

const NAME = /^\d{15}\.([\w-]{1,64})\.\d{12}\.jsonl$/;
const NEWLINE = 0x0a;

export interface Lines {
  readonly events: readonly Numbered[];
  /** Of the file, from where it was read. */
  readonly bytes: number;
  /** Lines that are no rows. */
  readonly unreadable: number;
}

/** One place in memory for all bytes on their way: what is freed by the collector alone piles up. */
export class Room {
  #bytes = Buffer.alloc(0);

  /** So many bytes, with anything in them, until the next call. */
  of(size: number): Buffer {
    if (this.#bytes.length < size) this.#bytes = Buffer.allocUnsafeSlow(size);
    return this.#bytes.subarray(0, size);
  }
}

export class Segment {
  readonly instance: string;
  /** Bytes of whole lines. */
  size = 0;
  /** Lines that are not taken yet. */
  lines = 0;
  readonly #path: string;
  #handle: FileHandle | undefined;
  #offset = 0;

  private constructor(path: string, instance: string) {
    this.#path = path;
    this.instance = instance;
  }

  /** Names sort by time: `started` is when the instance began, ms; `first` the number of its first row. */
  static async create(
    folder: string,
    { instance, started, first }: { instance: string; started: number; first: number },
  ): Promise<Segment> {
    const name = `${padded(started, 15)}.${instance}.${padded(first, 12)}.jsonl`;
    const segment = new Segment(join(folder, name), instance);
    segment.#handle = await open(join(folder, name), 'wx', 0o600);
    return segment;
  }

  /**
   * One that an agent before this one has left; undefined for a file that is none. `torn`: it ends within a line.
   * `last`: the number of its last whole line, 0 where there is none.
   */
  static async find(
    folder: string,
    name: string,
  ): Promise<{ segment: Segment; torn: boolean; last: number } | undefined> {
    const instance = NAME.exec(name)?.[1];
    if (instance === undefined) return undefined;
    const segment = new Segment(join(folder, name), instance);
    const bytes = await readFile(join(folder, name));
    segment.size = bytes.lastIndexOf(NEWLINE) + 1;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1))
      segment.lines++;
    const begins = bytes.lastIndexOf(NEWLINE, segment.size - 2) + 1;
    const last = parse(bytes.toString('latin1', begins, segment.size))?.seq ?? 0;
    return { segment, torn: segment.size < bytes.length, last };
  }

  get open(): boolean {
    return this.#handle !== undefined;
  }

  /** Whole lines, all or nothing: what was written before it failed is cut off. */
  async append(bytes: Buffer, lines: number): Promise<void> {
    try {
      for (let at = 0; this.#handle !== undefined && at < bytes.length; ) {
        at += (await this.#handle.write(bytes, at, bytes.length - at, this.size + at)).bytesWritten;
      }
    } catch (error) {
      await this.#handle?.truncate(this.size);
      throw error;
    }
    this.size += bytes.length;
    this.lines += lines;
  }

  /** At most so many, by way of `room`. Rejects where the file is not what was written. */
  async read(most: number, room: Room): Promise<Lines> {
    const bytes = room.of(this.size - this.#offset);
    const file = await open(this.#path);
    try {
      for (let at = 0; at < bytes.length; ) {
        const from = this.#offset + at;
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, from);
        if (bytesRead === 0) throw new Error('a file of the spool was cut');
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
    if (bytes.at(-1) !== NEWLINE) throw new Error('a file of the spool was cut');
    const events: Numbered[] = [];
    let [at, unreadable] = [0, 0];
    for (let count = 0; count < most && at < bytes.length; count++) {
      const end = bytes.indexOf(NEWLINE, at);
      const record = parse(bytes.toString('latin1', at, end));
      if (record === undefined) unreadable++;
      else events.push(record);
      at = end + 1;
    }
    return { events, bytes: at, unreadable };
  }

  /** @returns whether nothing is left */
  take({ events, bytes, unreadable }: Lines): boolean {
    this.#offset += bytes;
    this.lines -= events.length + unreadable;
    return this.#offset >= this.size;
  }

  /** Nothing more is appended. What was written is written, also where closing fails. */
  async seal(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => {});
  }

  /** One that cannot be removed is found by the next agent, and sent again. */
  async remove(): Promise<void> {
    await this.seal();
    await rm(this.#path, { force: true }).catch(() => {});
  }
}

function parse(line: string): Numbered | undefined {
  try {
    const record = JSON.parse(line) as Partial<Numbered> | null;
    const isRow = Number.isSafeInteger(record?.seq) && typeof record?.event === 'object';
    return isRow ? (record as Numbered) : undefined;
  } catch {
    return undefined;
  }
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
