/**
 * What an engine writes down beside its rules so that the process after it can go on, and what the process
 * before left: in the same maps where they are laid out alike, in another folder of pins where not.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type CarryCount, carryFlows, carrySockets } from './carry.ts';
import { carryRows, carryTold, overflowBefore } from './carry-rows.ts';
import { type KeptState, mergeKept, nothingKept, readKept } from './kept-state.ts';
import * as layout from './layout.ts';
import { otherFolder, removeOthers } from './map-pins.ts';
import { type EngineHandle, native } from './native.ts';
import { u32 } from './struct.ts';

const ZERO = Buffer.alloc(4);

export class Keeping {
  /** These maps were filled by a process before this one. */
  readonly kept: boolean;
  /** Why what another layout's maps hold could not be read: it is lost, and learned anew. */
  readonly lost: unknown;
  readonly #engine: EngineHandle;
  readonly #folder: string;
  readonly #hashing: { seed: bigint; mask: number };
  #before: { readonly maps: EngineHandle; readonly state: KeptState } | undefined;

  /** `folder`: where these maps are pinned; empty: nowhere, and nothing is ever kept. */
  constructor(engine: EngineHandle, folder: string) {
    this.#engine = engine;
    this.#folder = folder;
    const value = Buffer.alloc(layout.hashing.size);
    native().mapLookup(engine, 'hashing', ZERO, value);
    this.#hashing = layout.hashing.read(value);
    this.kept = this.#hashing.mask !== 0;
    const other = folder && otherFolder(dirname(folder), basename(folder));
    if (!other) return;
    try {
      const maps = native().openPinned(other, readdirSync(other));
      this.#before = { maps, state: readKept(maps, true) };
      carryTold(maps, engine);
    } catch (error) {
      this.lost = error;
    }
  }

  /** Maps of another layout stand beside these, and some target has not left them yet. */
  get before(): boolean {
    return this.#before !== undefined;
  }

  /** All targets that some process held and none has let go. */
  state(): KeptState {
    const own = this.kept ? readKept(this.#engine, false) : nothingKept;
    return mergeKept(own, this.#before?.state);
  }

  /** What stands in the table of learned addresses, for whoever writes it from now on. */
  learned(): { readonly seed?: bigint; readonly keys?: BigUint64Array<ArrayBuffer> } {
    if (!this.kept) return {};
    const values = native().mapValues(this.#engine, 'learned');
    const keys = BigUint64Array.from({ length: values.length / layout.learned.size }, (_, i) =>
      values.readBigUInt64LE(i * layout.learned.size),
    );
    return { seed: this.#hashing.seed, keys };
  }

  /** The text behind a number, before anything in the kernel uses the number. */
  name(id: number, target: number, name: string, refused: boolean): void {
    if (!this.#folder) return;
    // Plain ASCII, as dns/codec escapes it.
    const bytes = Buffer.from(name, 'latin1');
    const length = bytes.length > layout.NAME_TEXT ? 0 : bytes.length;
    const text = Buffer.alloc(layout.NAME_TEXT);
    bytes.copy(text, 0, 0, length);
    const value = layout.nameText.write({ target, refused: refused ? 1 : 0, length, text });
    native().mapUpdate(this.#engine, 'name_texts', u32(id), value, 0);
  }

  forgetName(id: number): void {
    if (!this.#folder) return;
    native().mapDelete(this.#engine, 'name_texts', u32(id));
  }

  /** That a table, not in force yet, holds the policy of this digest (hex). */
  policy(slot: number, table: number, digest: string): void {
    this.#note(slot, { table, digest: Buffer.from(digest, 'hex') });
  }

  /** That the target is held to the last step. */
  engaged(slot: number): void {
    this.#note(slot, { engaged: 1 });
  }

  /** What every row of the target says of it, as JSON, before anything is told of it. */
  labels(slot: number, json: string): void {
    if (!this.#folder) return;
    const text = Buffer.from(json);
    const fits = text.length <= layout.LABELS;
    const value = layout.labels.write(fits ? { length: text.length, text } : { length: 0 });
    native().mapUpdate(this.#engine, 'labels', u32(slot), value, 0);
  }

  forget(slot: number): void {
    native().mapUpdate(this.#engine, 'kept', u32(slot), Buffer.alloc(layout.kept.size), 0);
    if (this.#folder) native().mapDelete(this.#engine, 'labels', u32(slot));
  }

  /** Numbers that are taken, before they are used. */
  numbers(numbers: { readonly table: number; readonly target: number }): void {
    native().mapUpdate(this.#engine, 'numbers', ZERO, layout.numbers.write(numbers), 0);
  }

  /** Open sockets of these processes and flows of this target, from maps of another layout. */
  carry(target: number, pids: readonly number[]): CarryCount {
    if (this.#before === undefined) return { carried: 0, missed: 0 };
    const { maps } = this.#before;
    carryFlows(maps, this.#engine, target);
    return carrySockets(maps, this.#engine, target, pids);
  }

  /** Rows of this target, once nothing counts in maps of another layout any more. */
  carryRows(target: number, slot: number): void {
    if (this.#before === undefined) return;
    const { maps } = this.#before;
    carryRows(maps, this.#engine, target);
    this.#note(slot, { overflow: overflowBefore(maps, slot) });
  }

  /** Refusals of a slot's target that had no row of their own in maps before these. */
  overflow(slot: number): number {
    const value = Buffer.alloc(layout.kept.size);
    native().mapLookup(this.#engine, 'kept', u32(slot), value);
    return Number(layout.kept.read(value).overflow);
  }

  /** Every living target stands in these maps: those of other layouts are let go. */
  settle(): void {
    if (this.#before) native().unload(this.#before.maps);
    this.#before = undefined;
    if (this.#folder) removeOthers(dirname(this.#folder), basename(this.#folder));
  }

  #note(slot: number, fields: Parameters<typeof layout.kept.write>[0]): void {
    const value = Buffer.alloc(layout.kept.size);
    native().mapLookup(this.#engine, 'kept', u32(slot), value);
    layout.kept.writeInto(value, 0, fields);
    native().mapUpdate(this.#engine, 'kept', u32(slot), value, 0);
  }
}
