/**
 * Open files that our caller left us and that a command must not get: a folder is a way out of the
 * sandbox, a socket is a connection that nobody judged, a BPF object is part of the enforcement. Pipes
 * and plain files stay (make's job server, a shell's redirections).
 */
import { fstatSync, readdirSync, readFileSync } from 'node:fs';

/** Open files above stderr that a child would inherit and that are neither pipe, file nor terminal. */
export function dangerousFiles(): readonly number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > 2 && isInherited(fd) && isDangerous(fd));
}

/** O_CLOEXEC is 02000000 in `flags:` of /proc/<pid>/fdinfo/<fd>, in octal (proc(5)). */
function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
    return (Number.parseInt(flags?.[1] ?? '0', 8) & 0o2000000) === 0;
  } catch {
    return false;
  }
}

function isDangerous(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return !(stat.isFIFO() || stat.isFile() || stat.isCharacterDevice());
  } catch {
    return false;
  }
}
