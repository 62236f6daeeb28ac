import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { names } from './testing/story.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const script = join(import.meta.dirname, 'testing/story.ts');

/** Nothing that is mounted or written here is seen by anyone else. */
const WORLD = `
mount -t tmpfs tmpfs /run
while umount -l -t bpf /sys/fs/bpf 2>/dev/null; do :; done
exec "$@"
`;

for (const name of names) {
  test(name, { skip, timeout: 60_000 }, async () => {
    const inside = ['sh', '-ec', WORLD, 'world', process.execPath, script, name];
    await promisify(execFile)('unshare', ['--mount', '--propagation', 'private', ...inside]);
  });
}
