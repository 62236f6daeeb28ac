/**
 * What hangs on open connections, from maps of another layout into these: a socket's storage can be reached
 * through a descriptor of it, so every socket of the target's processes is borrowed for a moment. What opens
 * meanwhile needs no carrying: its address has just been learned.
 */
import { fstatSync, readFileSync } from 'node:fs';
import { ByName } from './by-name.ts';
import { shapeOf } from './kept-state.ts';
import { flowKey, sock } from './layout.ts';
import { type EngineHandle, native, type Shape } from './native.ts';
import { u32 } from './struct.ts';

export interface CarryCount {
  readonly carried: number;
  /** Processes whose sockets could not be looked at: their connections are judged as new ones are. */
  readonly missed: number;
}

/** BPF_NOEXIST: what a program has written since is newer. */
const NEW_ONLY = 1;

export function carrySockets(
  from: EngineHandle,
  to: EngineHandle,
  target: number,
  pids: readonly number[],
): CarryCount {
  const shape = shapeOf(native().mapShapes(from), 'sockets');
  const seen = new Set<number>();
  let carried = 0;
  let missed = 0;
  for (const pid of pids) {
    for (const ours of borrowAll(pid)) {
      if (ours === 'refused') {
        missed += 1;
        continue;
      }
      const { ino } = fstatSync(ours);
      if (!seen.has(ino) && carryStorage(from, to, { shape, target, ours })) carried += 1;
      seen.add(ino);
    }
  }
  return { carried, missed };
}

/** What a process has open, one after another, each for the caller's turn alone. */
function* borrowAll(pid: number): Generator<number | 'refused'> {
  const count = descriptorsOf(pid);
  for (let fd = 0; fd < count; fd++) {
    const ours = borrow(pid, fd);
    if (ours === 'nothing') continue;
    try {
      yield ours;
    } finally {
      if (ours !== 'refused') native().close(ours);
    }
    if (ours === 'refused') return;
  }
}

/**
 * How many descriptors a process has room for. /proc/<pid>/fd would name those that are open, to its own user
 * and to whoever has CAP_DAC_READ_SEARCH, which an agent does without. 0: the process has gone.
 */
function descriptorsOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^FDSize:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return 0;
    throw error;
  }
}

function borrow(pid: number, fd: number): number | 'nothing' | 'refused' {
  try {
    return native().descriptorOf(pid, fd);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not open, or the process has gone meanwhile; everything else is a right that is missing.
    return code === 'EBADF' || code === 'ESRCH' || code === 'ENOENT' ? 'nothing' : 'refused';
  }
}

/** What is no socket, or one of another family, has no storage. */
function carryStorage(
  from: EngineHandle,
  to: EngineHandle,
  { shape, target, ours }: { shape: Shape; target: number; ours: number },
): boolean {
  const value = Buffer.alloc(shape.size);
  if (!fstatSync(ours).isSocket()) return false;
  if (!native().mapLookup(from, 'sockets', u32(ours), value)) return false;
  const before = new ByName(shape, value);
  if (before.number('target') !== target) return false;
  const numbers = ['target', 'slot', 'daddr', 'dport', 'proto', 'name', 'origin_addr'] as const;
  const rest = ['origin_port', 'stream', 'pid'] as const;
  const fields = Object.fromEntries([...numbers, ...rest].map((of) => [of, before.number(of)]));
  try {
    // Without a table: the verdict is asked for again, and the name is still there for it.
    const storage = sock.write({ ...fields, start: before.big('start') });
    native().mapUpdate(to, 'sockets', u32(ours), storage, NEW_ONLY);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return true;
    throw error;
  }
}

/** Connections of nested containers, which the backstop knows by their addresses. */
export function carryFlows(from: EngineHandle, to: EngineHandle, target: number): void {
  const shape = native().mapShapes(from).flows?.key;
  if (shape === undefined) return;
  const keys = native().mapKeys(from, 'flows');
  for (let at = 0; at < keys.length; at += shape.size) {
    const key = keys.subarray(at, at + shape.size);
    const before = new ByName(shape, key);
    const name = Buffer.alloc(4);
    if (before.number('target') !== target || !native().mapLookup(from, 'flows', key, name))
      continue;
    const fields = ['target', 'saddr', 'daddr', 'sport', 'dport'].map((of) => [
      of,
      before.number(of),
    ]);
    native().mapUpdate(to, 'flows', flowKey.write(Object.fromEntries(fields)), name, 0);
  }
}
