/** Notices that the files of a bundle have changed: written, replaced, added or removed. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** How often files are looked at, ms. */
const INTERVAL = 500;

export class Changes {
  readonly #path: string;
  #signature = '';

  /** A file, or a folder with its files. */
  constructor(path: string) {
    this.#path = path;
  }

  /** What is there now is known: only what comes after it is a change. */
  seen(): void {
    this.#signature = signatureOf(this.#path);
  }

  /** Calls `changed` after each change, which is known by then, until the returned function is called. */
  watch(changed: () => void): () => void {
    const timer = setInterval(() => {
      const before = this.#signature;
      this.seen();
      if (this.#signature !== before) changed();
    }, INTERVAL);
    return () => clearInterval(timer);
  }
}

function signatureOf(path: string): string {
  try {
    if (!existsSync(path)) return 'gone';
    if (!statSync(path).isDirectory()) return stamp(path);
    return readdirSync(path)
      .sort()
      .map((name) => `${name}:${stamp(join(path, name))}`)
      .join('|');
  } catch {
    return 'unreadable';
  }
}

function stamp(path: string): string {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true });
  return `${ino}.${size}.${mtimeNs}`;
}
