/**
 * What maps hold of targets, whoever filled them: an agent of this build or of another. Everything is read by
 * the names of fields, so that a map may have another shape here than there.
 */
import { ByName } from './by-name.ts';
import type { EngineHandle, Shape } from './native.ts';
import { native } from './native.ts';
import type { LearnedName } from './records.ts';
import { u32 } from './struct.ts';

export interface KeptName {
  readonly id: number;
  readonly refused: boolean;
  /** Empty where it had no room: the number is taken, and that is all. */
  readonly name: string;
}

export interface KeptTarget {
  readonly slot: number;
  readonly id: number;
  readonly cgroup: bigint;
  readonly level: number;
  readonly resolver: { readonly port: number; readonly mark: number };
  /** The rule table in force in the maps of this process; 0: none. */
  readonly table: number;
  /** Of the policy that was in force, hex; empty where nobody wrote it down. */
  readonly digest: string;
  /** Port 53 was led to its resolver. */
  readonly engaged: boolean;
  readonly names: readonly KeptName[];
  readonly addresses: ReadonlyMap<number, readonly LearnedName[]>;
  /** The table in force in the maps that it stands in, whose rules rows name by number. */
  readonly formerTable: number;
  /** What its rows say of it, as JSON; empty where nobody wrote it down. */
  readonly labels: string;
  /** It stands in maps of another layout: these know nothing of it yet. */
  readonly carried: boolean;
}

export interface KeptState {
  readonly targets: readonly KeptTarget[];
  /** The last numbers given. */
  readonly numbers: { readonly table: number; readonly target: number };
  /** What hangs on targets that are no more, where a process was stopped while it cleared away. */
  readonly orphans: {
    readonly names: readonly number[];
    readonly addresses: readonly { readonly target: number; readonly addr: number }[];
  };
}

export const nothingKept: KeptState = {
  targets: [],
  numbers: { table: 0, target: 0 },
  orphans: { names: [], addresses: [] },
};

/** @throws RangeError, or an errno, where a map or a field is not there */
export function readKept(maps: EngineHandle, carried: boolean): KeptState {
  const shapes = native().mapShapes(maps);
  const elements = (map: string): ByName[] => {
    const shape = shapeOf(shapes, map);
    const values = native().mapValues(maps, map);
    return Array.from(
      { length: values.length / shape.size },
      (_, i) => new ByName(shape, values, i * shape.size),
    );
  };
  const names = readNames(maps, shapeOf(shapes, 'name_texts'));
  const addresses = readAddresses(elements('learned'));
  const words = native().mapValues(maps, 'policies');
  const kept = elements('kept');
  const targets = elements('targets').flatMap((target, slot): KeptTarget[] => {
    const id = target.number('id');
    const note = kept[slot];
    if (id === 0 || note === undefined) return [];
    const inForce = words.readUInt32LE(slot * 8 + 4);
    const known = inForce !== 0 && note.number('table') === inForce;
    return [
      {
        slot,
        id,
        cgroup: target.big('cgroup_id'),
        level: target.number('level'),
        resolver: { port: target.number('resolver_port'), mark: target.number('mark') },
        table: carried ? 0 : inForce,
        formerTable: inForce,
        labels: labelsOf(maps, shapes.labels?.value, slot),
        digest: known ? note.bytes('digest').toString('hex') : '',
        engaged: note.number('engaged') !== 0,
        names: names.get(id) ?? [],
        addresses: addresses.get(id) ?? new Map(),
        carried,
      },
    ];
  });
  const numbers = elements('numbers')[0];
  return {
    targets,
    numbers: { table: numbers?.number('table') ?? 0, target: numbers?.number('target') ?? 0 },
    orphans: orphansOf(new Set(targets.map(({ id }) => id)), names, addresses),
  };
}

/** A build before this one kept none. */
function labelsOf(maps: EngineHandle, shape: Shape | undefined, slot: number): string {
  if (shape === undefined) return '';
  const value = Buffer.alloc(shape.size);
  if (!native().mapLookup(maps, 'labels', u32(slot), value)) return '';
  const labels = new ByName(shape, value);
  return labels.bytes('text').toString('utf8', 0, labels.number('length'));
}

function orphansOf(
  targets: ReadonlySet<number>,
  names: ReadonlyMap<number, readonly KeptName[]>,
  addresses: ReadonlyMap<number, ReadonlyMap<number, unknown>>,
): KeptState['orphans'] {
  const gone = ([target]: readonly [number, unknown]) => !targets.has(target);
  return {
    names: [...names].filter(gone).flatMap(([, list]) => list.map(({ id }) => id)),
    addresses: [...addresses]
      .filter(gone)
      .flatMap(([target, of]) => [...of.keys()].map((addr) => ({ target, addr }))),
  };
}

/** Targets of both; one that was not taken over to its end is what it was before. */
export function mergeKept(own: KeptState, before: KeptState | undefined): KeptState {
  if (before === undefined) return own;
  const done = new Set(own.targets.filter(({ engaged }) => engaged).map(({ cgroup }) => cgroup));
  const left = before.targets.filter(({ cgroup }) => !done.has(cgroup));
  const open = new Set(left.map(({ cgroup }) => cgroup));
  return {
    targets: [...own.targets.filter(({ cgroup }) => !open.has(cgroup)), ...left],
    numbers: {
      table: Math.max(own.numbers.table, before.numbers.table),
      target: Math.max(own.numbers.target, before.numbers.target),
    },
    // What was carried for a target that is not there yet is carried once more.
    orphans: own.orphans,
  };
}

export function shapeOf(shapes: Readonly<Record<string, { value?: Shape }>>, map: string): Shape {
  const shape = shapes[map]?.value;
  if (shape === undefined) throw new RangeError(`the maps before have no map ${map}`);
  return shape;
}

function readNames(maps: EngineHandle, shape: Shape): Map<number, KeptName[]> {
  const names = new Map<number, KeptName[]>();
  const keys = native().mapKeys(maps, 'name_texts');
  const ids = new Set(Array.from({ length: keys.length / 4 }, (_, i) => keys.readUInt32LE(i * 4)));
  for (const id of ids) {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(id);
    const value = Buffer.alloc(shape.size);
    if (!native().mapLookup(maps, 'name_texts', key, value)) continue;
    const text = new ByName(shape, value);
    const name = text.bytes('text').toString('latin1', 0, text.number('length'));
    const of = text.number('target');
    const list = names.get(of) ?? [];
    list.push({ id, name, refused: text.number('refused') !== 0 });
    names.set(of, list);
  }
  return names;
}

function readAddresses(elements: readonly ByName[]): Map<number, Map<number, LearnedName[]>> {
  const addresses = new Map<number, Map<number, LearnedName[]>>();
  for (const element of elements) {
    const key = element.big('key');
    const target = Number(key >> 32n);
    // Places that are free or were left have keys that are no target's.
    if (target === 0) continue;
    const slots = element.list('slot').map((slot) => ({
      name: slot.number('name'),
      expires: slot.number('expires'),
    }));
    const of = addresses.get(target) ?? new Map<number, LearnedName[]>();
    of.set(
      Number(key & 0xffffffffn),
      slots.filter(({ name }) => name !== 0),
    );
    addresses.set(target, of);
  }
  return addresses;
}
