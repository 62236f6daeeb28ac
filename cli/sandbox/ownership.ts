/**
 * Who can change a file: by writing to it, or by putting another one in its place. Two questions are
 * asked: is a file root's alone, and can a sandboxed command change it?
 */
import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { isWithin } from '#agent/cgroup/mountinfo.ts';
import { failure } from '#api/error.ts';

import { errors } from './errors.ts';

const STICKY = 0o1000;
const OTHERS_MAY_WRITE = 0o022;

/**
 * Every folder on the way and the file itself belong to root, nobody else may write to them, and none
 * is a link. An access list that lets others write shows in the group bits, and is refused too.
 * @param path absolute @throws TW_RUN_NOT_ROOT_OWNED, or the ENOENT of what is not there
 */
export function assertRootOwned(path: string): void {
  for (const step of ancestors(posix.resolve(path))) {
    const problem = problemOf(lstatSync(step));
    if (problem !== undefined) throw failure(errors.notRootOwned, { path: step, problem });
  }
}

function problemOf(stat: Stats): string | undefined {
  if (stat.isSymbolicLink()) return 'is a link';
  if (stat.uid !== 0) return `belongs to user ${stat.uid}`;
  if ((stat.mode & OTHERS_MAY_WRITE) !== 0) return 'can be written to by others';
  if (!stat.isDirectory() && !stat.isFile()) return 'is no plain file';
  return undefined;
}

/** The same for a folder and all in it, a few levels deep at most. */
export function assertRootOwnedTree(path: string, depth = 8): void {
  assertRootOwned(path);
  if (depth === 0 || !lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) assertRootOwnedTree(posix.join(path, name), depth - 1);
}

/** `/`, `/a`, `/a/b` for `/a/b`. */
function ancestors(path: string): readonly string[] {
  const names = path.split('/').filter(Boolean);
  return ['/', ...names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`)];
}

/** A command as the file system sees it. */
export interface Writer {
  readonly uid: number;
  readonly groups: readonly number[];
  /** The host's folders that it can write to at all (`Plan.writable`); everything else is read-only. */
  readonly writable: readonly string[];
  /** Folders below those that stay read-only. */
  readonly readOnly?: readonly string[];
}

/**
 * Could the command change what is read at `path`: write to the file, or replace it, a folder on the
 * way or a link on the way? Decides between reading a policy once and following its changes. When in
 * doubt (any group may write, the file has a second name, the path cannot be followed) the answer is
 * yes.
 */
export function writableBy(writer: Writer, path: string): boolean {
  const isOpen = (place: string) =>
    writer.writable.some((folder) => isWithin(place, folder)) &&
    !(writer.readOnly ?? []).some((folder) => isWithin(place, folder));
  const steps = lookUp(path);
  const last = steps?.at(-1);
  if (steps === undefined || last === undefined) return true;
  const replaced = steps.some(
    ({ place, entry }) =>
      isOpen(place) &&
      !isRootOfBind(place, writer) &&
      // Nothing there: whoever can write to the folder can put something there.
      (entry === undefined || canReplace(writer, posix.dirname(place), entry)),
  );
  if (replaced || last.entry === undefined) return replaced;
  const reachable = isOpen(last.place) || (last.entry.isFile() && last.entry.nlink > 1);
  return reachable && canWrite(writer, last.entry);
}

interface Step {
  readonly place: string;
  readonly entry: Stats | undefined;
}

/** Every entry that a look-up of the path reads, links followed; undefined for a loop of links. */
function lookUp(path: string, links = 40): readonly Step[] | undefined {
  const steps: Step[] = [];
  const whole = posix.resolve(path);
  for (const place of ancestors(whole)) {
    const entry = lstatOrNothing(place);
    steps.push({ place, entry });
    if (entry === undefined) return steps;
    if (entry.isSymbolicLink()) {
      if (links === 0) return undefined;
      const target = posix.resolve(posix.dirname(place), readlinkSync(place));
      const rest = lookUp(posix.join(target, whole.slice(place.length)), links - 1);
      return rest === undefined ? undefined : [...steps, ...rest];
    }
  }
  return steps;
}

/** The mount point itself cannot be renamed or removed from inside. */
function isRootOfBind(path: string, writer: Writer): boolean {
  return writer.writable.includes(path);
}

function canReplace(writer: Writer, parent: string, entry: Stats): boolean {
  const folder = lstatOrNothing(parent);
  if (folder === undefined || !canWrite(writer, folder)) return false;
  if (writer.uid === 0 || (folder.mode & STICKY) === 0) return true;
  return writer.uid === entry.uid || writer.uid === folder.uid;
}

/** An owner can give itself the right; root has CAP_DAC_OVERRIDE inside. */
function canWrite(writer: Writer, stat: Stats): boolean {
  return writer.uid === 0 || writer.uid === stat.uid || (stat.mode & OTHERS_MAY_WRITE) !== 0;
}

function lstatOrNothing(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
