/** torwacht run leaves no trace, however it ends: rules, cgroups, pins, namespaces are as before. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { cgroupOf, removeCgroup } from '#agent/cgroup/cgroup.ts';
import { killAll } from '#agent/cgroup/end.ts';
import type { Story } from './fixtures/traces.ts';
import { hasProgram, policyText, skip as unable } from './stage.ts';

const skip = unable || (hasProgram('bpftool') ? false : 'needs bpftool');

/**
 * Its own network, mounts, processes and /run: what is compared is exactly what one run did, while
 * others may be at work on the same machine. Mounts are shared, as systemd has them; the shell stays,
 * since the first process of such a world has to reap what is left to it. Mounts of other labs would
 * go while we look, when these are removed outside.
 */
const WORLD = `
umount -R /run/netns 2>/dev/null || :
mount --make-rshared /
mount -t tmpfs tmpfs /run
while umount /sys/fs/bpf 2>/dev/null; do :; done
if [ "$1" = bpffs ]; then mount -t bpf -o mode=0700 bpf /sys/fs/bpf; fi
mount --bind "$2/resolv.conf" /etc/resolv.conf
shift 2
"$@"
exit
`;

async function story(t: TestContext, how: string, bpffs: boolean): Promise<Story> {
  const folder = mkdtempSync(join(tmpdir(), 'twlab-traces-'));
  const cgroup = join(cgroupOf().path, basename(folder));
  mkdirSync(cgroup);
  t.after(async () => {
    await killAll(cgroup);
    removeCgroup(cgroup);
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\n');
  writeFileSync(join(folder, 'policy.yaml'), policyText({ allow: [{ fqdn: ['a.example.test'] }] }));
  const unshare = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  const world = ['sh', '-ec', WORLD, 'world', bpffs ? 'bpffs' : 'none', folder];
  const fixture = join(import.meta.dirname, 'fixtures/traces.ts');
  const command = [process.execPath, fixture, how, cgroup, folder];
  const done = await promisify(execFile)('unshare', [...unshare, ...world, ...command], {
    timeout: 30_000,
    maxBuffer: 16 << 20,
  });
  return JSON.parse(done.stdout) as Story;
}

const endings: { how: string; codes: Story['codes']; held?: true; says?: RegExp }[] = [
  { how: 'normal', codes: [1] },
  { how: 'SIGINT', codes: [130], held: true },
  { how: 'SIGTERM', codes: [143], held: true },
  { how: 'SIGHUP', codes: [129], held: true },
  { how: 'SIGKILL and the next start', codes: ['SIGKILL', 0], held: true },
  { how: 'SIGKILL, two starts, the first while it lives', codes: ['SIGKILL', 0, 0], held: true },
  { how: 'SIGKILL and a forced cleanup', codes: ['SIGKILL', 0], held: true },
  { how: 'SIGKILL while it starts', codes: ['SIGKILL', 'SIGKILL', 0] },
  { how: 'SIGTERM while it starts', codes: [143] },
  { how: 'a bad policy', codes: [125], says: /TW_RUN_BAD_POLICY/ },
  { how: 'a command that is not found', codes: [127], says: /not found/ },
  { how: 'a command that cannot be executed', codes: [126], says: /not marked as executable/ },
  { how: 'a command that is killed', codes: [137] },
  { how: 'a sandbox that is killed', codes: [137], held: true },
  {
    how: 'processes left behind',
    codes: [0],
    says: /ended what the command left running: sleep\[/,
  },
  { how: 'two at once', codes: [143, 143, 143], held: true },
];

for (const bpffs of [false, true]) {
  const where = bpffs ? 'with a BPF file system' : 'without a BPF file system';
  for (const { how, codes, held, says } of endings) {
    // Where there is one already, only what could take it away is of interest.
    if (bpffs && !['normal', 'SIGKILL and the next start', 'two at once'].includes(how)) continue;
    test(`no trace, ${where}: ${how}`, { skip, timeout: 30_000 }, async (t) => {
      const told = await story(t, how, bpffs);
      assert.deepEqual(told.codes, codes, told.said);
      if (says !== undefined) assert.match(told.said, says);
      if (held) {
        assert.ok(told.links >= 11, `${told.links} links were there`);
        assert.notDeepEqual(told.during?.cgroups, told.before.cgroups);
        assert.notDeepEqual(told.during?.pins, told.before.pins);
        assert.notDeepEqual(told.during?.run, told.before.run);
        assert.equal(told.during?.nft, told.before.nft, 'rules are not touched while it runs');
        assert.equal(told.during?.ipRules, told.before.ipRules);
        assert.equal(told.during?.routes, told.before.routes);
        assert.equal(told.during?.links, told.before.links);
      }
      assert.deepEqual(told.left, []);
      assert.deepEqual(told.after, told.before, told.said);
    });
  }
}
