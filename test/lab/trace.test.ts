/** A lab leaves no trace, however the program that made it ends. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Story } from './fixtures/traces.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

/**
 * Its own network, mounts, processes and /run: what is compared is exactly what one lab did, while
 * others may be at work on the same machine. bpffs is not mounted there, as on a fresh machine, and
 * mounts are shared, as systemd has them: a bind that gets out of a lab would show.
 */
const WORLD = `
mount --make-rshared /
while umount -R /run/netns 2>/dev/null; do :; done
mount -t tmpfs tmpfs /run
mkdir /run/tmp
while umount /sys/fs/bpf 2>/dev/null; do :; done
export TMPDIR=/run/tmp
exec "$@"
`;

async function story(how: string): Promise<Story> {
  const unshare = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  const fixture = join(import.meta.dirname, 'fixtures/traces.ts');
  const command = ['sh', '-ec', WORLD, 'world', process.execPath, fixture, how];
  const done = await promisify(execFile)('unshare', [...unshare, ...command], { timeout: 60_000 });
  return JSON.parse(done.stdout) as Story;
}

for (const how of ['close', 'throw', 'exit', 'SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL']) {
  const what = how === 'SIGKILL' ? 'a sweep removes what SIGKILL left' : `no trace after ${how}`;
  test(what, { skip, timeout: 60_000 }, async () => {
    const { before, during, after, removedTwice } = await story(how);
    if (how.startsWith('SIG')) {
      assert.match(during.netns, /^twlab-\d+-\d+-[0-9a-f]{8}-held-net/m);
      assert.match(during.mounts.join('\n'), /^\/ \/sys\/fs\/bpf$/m);
      assert.match(during.processes.join('\n'), /^dnsmasq .*^sleep 600 $/ms);
    }
    assert.deepEqual(after, before);
    assert.deepEqual(removedTwice, []);
  });
}
