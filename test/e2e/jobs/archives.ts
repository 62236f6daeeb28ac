/** Archives of small files, as registries serve them. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execute } from '../../lab/execute.ts';

type Files = Readonly<Record<string, string>>;

export function writeFiles(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

const ZIP = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    for name, text in json.load(sys.stdin).items():
        archive.writestr(name, text)
`;

/** A wheel, a module or a jar: all three are zip files. */
export function zip(path: string, files: Files): void {
  mkdirSync(dirname(path), { recursive: true });
  execute('python3', ['-c', ZIP, path], JSON.stringify(files));
}

/** The members of a folder, compressed; members belong to root. */
export function tarball(path: string, folder: string, members: readonly string[] = ['.']): void {
  mkdirSync(dirname(path), { recursive: true });
  execute('tar', ['-C', folder, '--owner=0', '--group=0', '-czf', path, ...members]);
}

export function digest(path: string, algorithm: 'sha1' | 'sha256' = 'sha256'): string {
  return createHash(algorithm).update(readFileSync(path)).digest('hex');
}
