/**
 * How much of each row every output has been told, in maps that outlive the agent: the agent after this one tells
 * the rest. Here it is only read and written; agent/outputs/told.ts says what it means.
 */
import * as layout from './layout.ts';
import { type EngineHandle, native } from './native.ts';
import type { Told, ToldOutput } from './records.ts';
import { slices, textOf } from './records.ts';
import { u32 } from './struct.ts';

const MAP = 'told_rows';
const ROW = layout.rowKey.size;

export class ToldTable {
  readonly #engine: EngineHandle;
  /** Numbers of outputs that something may have been written for. */
  readonly #used = new Set<number>();

  constructor(engine: EngineHandle) {
    this.#engine = engine;
  }

  /** `row`: the key of a row, as the kernel has it. `output`: its number. */
  read(row: Buffer, output: number): Told | undefined {
    const value = Buffer.allocUnsafe(layout.told.size);
    if (!native().mapLookup(this.#engine, MAP, keyOf(row, output), value)) return undefined;
    return layout.told.read(value);
  }

  /** @throws an errno: E2BIG where there is no room */
  write(row: Buffer, output: number, told: Told): void {
    native().mapUpdate(this.#engine, MAP, keyOf(row, output), layout.told.write(told), 0);
  }

  delete(row: Buffer, output: number): void {
    native().mapDelete(this.#engine, MAP, keyOf(row, output));
  }

  /** The row is no more. */
  forget(row: Buffer): void {
    for (const output of this.#used) this.delete(row, output);
  }

  /** All keys, once each. */
  keys(): readonly { readonly row: Buffer; readonly output: number }[] {
    const all = slices(native().mapKeys(this.#engine, MAP), layout.toldKey.size);
    const once = new Map(all.map((key) => [key.toString('latin1'), key]));
    return [...once.values()].map((key) => ({
      row: key.subarray(0, ROW),
      output: key.readUInt32LE(ROW),
    }));
  }

  /** By their numbers; one without a name is free. */
  outputs(): readonly ToldOutput[] {
    const values = slices(native().mapValues(this.#engine, 'outputs'), layout.output.size);
    return values.map((value) => {
      const { place, base, name, instance } = layout.output.read(value);
      return { place, base, name: textOf(name), instance: textOf(instance) };
    });
  }

  setOutput(output: number, { place, base, ...texts }: ToldOutput): void {
    this.#used.add(output);
    const [name, instance] = [Buffer.from(texts.name), Buffer.from(texts.instance)];
    const value = layout.output.write({ place, base, name, instance });
    native().mapUpdate(this.#engine, 'outputs', u32(output), value, 0);
  }
}

/** Under which it is written down how much of a target's overflow was told: the kernel gives no row this reason. */
export function overflowKey(target: number): Buffer {
  return layout.rowKey.write({ target, hook: layout.hooks.indexOf('any') });
}

/** The row's key comes first, and nothing of it is padding that may differ. */
function keyOf(row: Buffer, output: number): Buffer {
  const key = Buffer.alloc(layout.toldKey.size);
  row.copy(key, 0, 0, ROW);
  key.writeUInt32LE(output, ROW);
  return key;
}
