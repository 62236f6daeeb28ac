/**
 * Finds the program that a command names, as execvp(3) does, before a sandbox is made for it: so that
 * a mistyped name ends with 127 and a sentence of ours, and not as a failure of the sandbox.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';

export type FoundCommand =
  | { readonly found: true; readonly path: string }
  | {
      readonly found: false;
      /** 127: there is none of that name; 126: it cannot be executed (POSIX, shell exit status). */
      readonly code: 126 | 127;
      readonly message: string;
    };

/** @param path the command's own PATH */
export function findCommand(name: string, path: string | undefined, cwd: string): FoundCommand {
  const places = name.includes('/')
    ? [resolve(cwd, name)]
    : (path ?? '/usr/local/bin:/usr/bin:/bin').split(':').map((dir) => resolve(cwd, dir, name));
  const kinds = places.map((place) => ({ place, kind: kindOf(place) }));
  const program = kinds.find(({ kind }) => kind === 'program');
  if (program !== undefined) return { found: true, path: program.place };
  const other = kinds.find(({ kind }) => kind !== 'nothing');
  if (other === undefined) {
    const where = name.includes('/') ? 'there is no such file' : 'no folder of PATH has it';
    return { found: false, code: 127, message: `Command not found: ${name} (${where}).` };
  }
  const why = other.kind === 'folder' ? 'is a folder' : 'is not marked as executable';
  return { found: false, code: 126, message: `Cannot execute ${name}: ${other.place} ${why}.` };
}

function kindOf(path: string): 'program' | 'file' | 'folder' | 'nothing' {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return 'folder';
    return (stat.mode & 0o111) === 0 ? 'file' : 'program';
  } catch {
    return 'nothing';
  }
}
