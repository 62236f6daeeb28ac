/**
 * Rows of evidence, and what outputs were told of them, from maps of another layout into these, by the names of fields.
 */
import { ByName, converted } from './by-name.ts';
import * as layout from './layout.ts';
import { type EngineHandle, native, type Shape } from './native.ts';
import { slices } from './records.ts';
import type { Fields, Struct } from './struct.ts';
import { u32 } from './struct.ts';

/** BPF_NOEXIST: what stands here already is newer. */
const NEW_ONLY = 1;

/** What is told is written by agents alone, and none writes into the maps before any more. */
export function carryTold(from: EngineHandle, to: EngineHandle): void {
  const shapes = native().mapShapes(from);
  if (shapes.told_rows === undefined || shapes.outputs === undefined) return;
  const known = slices(native().mapValues(to, 'outputs'), layout.output.size);
  if (known.some((output) => layout.output.read(output).name[0] !== 0)) return;
  carryMap(from, to, 'told_rows', { key: layout.toldKey, value: layout.told });
  carryLookups(from, to, shapes);
  // Last: with the outputs here, all of it is here.
  const { size } = valueShape(shapes, 'outputs');
  for (const [index, value] of slices(native().mapValues(from, 'outputs'), size).entries()) {
    const output = converted(layout.output, new ByName(valueShape(shapes, 'outputs'), value));
    native().mapUpdate(to, 'outputs', u32(index), output, 0);
  }
}

/** Refused lookups of all targets, and who asked: agents alone write those down. */
function carryLookups(from: EngineHandle, to: EngineHandle, shapes: Shapes): void {
  // A build before this one kept none.
  if (shapes.lookups === undefined) return;
  const pids = new Set<number>();
  const types = { key: layout.lookupKey, value: layout.lookup };
  carryMap(from, to, 'lookups', types, (lookup) => pids.add(lookup.number('pid')));
  for (const pid of pids) carryProcess(from, to, shapes, pid);
}

/**
 * The rows of a target with their counts, and who the processes in them are. For when nothing counts in the maps
 * before any more; it may be done again. Without what was told of them rows would be told twice, so those of a
 * build that did not write that down stay behind.
 */
export function carryRows(from: EngineHandle, to: EngineHandle, target: number): void {
  const shapes = native().mapShapes(from);
  if (shapes.told_rows === undefined) return;
  const value = valueShape(shapes, 'rows');
  const key = keyShape(shapes, 'rows');
  const pids = new Set<number>();
  for (const raw of slices(native().mapKeys(from, 'rows'), key.size)) {
    const named = new ByName(key, raw);
    const row = Buffer.alloc(value.size);
    if (named.number('target') !== target || !native().mapLookup(from, 'rows', raw, row)) continue;
    pids.add(named.number('pid'));
    const [ours, counts] = [converted(layout.rowKey, named), new ByName(value, row)];
    native().mapUpdate(to, 'rows', ours, converted(layout.row, counts), 0);
  }
  for (const pid of pids) carryProcess(from, to, shapes, pid);
}

/** Refusals that had no row of their own in the maps before; 0 where a build did not write down what was told. */
export function overflowBefore(from: EngineHandle, slot: number): bigint {
  const shapes = native().mapShapes(from);
  if (shapes.told_rows === undefined) return 0n;
  const read = (map: string, field: string): bigint => {
    const shape = valueShape(shapes, map);
    const value = Buffer.alloc(shape.size);
    return native().mapLookup(from, map, u32(slot), value)
      ? new ByName(shape, value).big(field)
      : 0n;
  };
  return read('accounts', 'overflow') + read('kept', 'overflow');
}

function carryProcess(from: EngineHandle, to: EngineHandle, shapes: Shapes, pid: number): void {
  const shape = valueShape(shapes, 'processes');
  const value = Buffer.alloc(shape.size);
  if (pid === 0 || !native().mapLookup(from, 'processes', u32(pid), value)) return;
  const process = new ByName(shape, value);
  const record = converted(layout.processRecord, process);
  put(to, 'processes', u32(pid), record);
  const part = Buffer.alloc(8);
  part.writeBigUInt64LE(process.big('part'));
  const of = valueShape(shapes, 'parts');
  const text = Buffer.alloc(of.size);
  if (!native().mapLookup(from, 'parts', part, text)) return;
  put(to, 'parts', part, converted(layout.part, new ByName(of, text)));
}

function carryMap(
  from: EngineHandle,
  to: EngineHandle,
  map: string,
  { key, value }: { readonly key: Struct<Fields>; readonly value: Struct<Fields> },
  seen: (value: ByName) => void = () => {},
): void {
  const shapes = native().mapShapes(from);
  const [ofKey, ofValue] = [keyShape(shapes, map), valueShape(shapes, map)];
  for (const raw of slices(native().mapKeys(from, map), ofKey.size)) {
    const found = Buffer.alloc(ofValue.size);
    if (!native().mapLookup(from, map, raw, found)) continue;
    const ours = converted(key, new ByName(ofKey, raw));
    const named = new ByName(ofValue, found);
    put(to, map, ours, converted(value, named));
    seen(named);
  }
}

function put(to: EngineHandle, map: string, key: Buffer, value: Buffer): void {
  try {
    native().mapUpdate(to, map, key, value, NEW_ONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

type Shapes = Readonly<Record<string, { key?: Shape; value?: Shape }>>;

function valueShape(shapes: Shapes, map: string): Shape {
  const shape = shapes[map]?.value;
  if (shape === undefined) throw new RangeError(`the maps before have no map ${map}`);
  return shape;
}

function keyShape(shapes: Shapes, map: string): Shape {
  const shape = shapes[map]?.key;
  if (shape === undefined) throw new RangeError(`the maps before have no keys of ${map}`);
  return shape;
}
