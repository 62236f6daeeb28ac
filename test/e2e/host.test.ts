/** A host that lacks something: one sentence, a hint, and the exit status that says it was ours. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATH } from '../lab/execute.ts';
import { policyText, readIfThere, sharedStage, skip, TORWACHT } from './stage.ts';

const stage = sharedStage('host', async () => undefined);
const root = join(import.meta.dirname, '../..');
const policy = policyText({ allow: [{ fqdn: ['good.example.test'] }] });

/** Runs torwacht in a mount namespace of its own that was changed by a script before. */
async function runIn(script: string, torwacht = TORWACHT) {
  const { lab, work, home } = stage();
  const file = stage().policy(policy);
  const ran = join(work, 'ran');
  const args = ['run', '--policy', file, '--', 'touch', ran];
  const shell = ['-ec', `${script}\nexec "$@"`, 'changed', torwacht, ...args];
  const ended = await lab.run('host', 'unshare', ['--mount', 'sh', ...shell], {
    cwd: work,
    env: { HOME: home },
  });
  assert.ok(!existsSync(ran), 'the command did not run');
  return ended;
}

/** `torwacht: a sentence [CODE]`, an indented hint, and no stack. */
function assertOneSentence(stderr: string, code: string): void {
  const lines = stderr.trimEnd().split('\n');
  assert.match(lines[0] ?? '', new RegExp(`^torwacht: \\S.* \\[${code}\\]$`), stderr);
  assert.ok(lines.length >= 2, stderr);
  for (const line of lines.slice(1)) assert.match(line, /^ {2}\S|^$/, stderr);
  assert.doesNotMatch(stderr, /\n\s+at .*\(/, 'no stack');
}

const lacks: { what: string; script: string; code: string }[] = [
  {
    what: 'type information of the kernel (BTF)',
    script: 'mount -t tmpfs none /sys/kernel/btf',
    code: 'TW_BPF_NO_BTF',
  },
  {
    what: 'cgroup2',
    script:
      'while umount -R /sys/fs/cgroup 2>/dev/null; do :; done; mount -t tmpfs none /sys/fs/cgroup',
    code: 'TW_HOST_NO_CGROUP2',
  },
  {
    what: 'a writable cgroup2',
    script:
      "grep ' - cgroup2 ' /proc/self/mountinfo | cut -d' ' -f5 | while read -r m; do mount -o remount,bind,ro \"$m\"; done",
    code: 'TW_HOST_CGROUP2_READ_ONLY',
  },
  {
    what: 'bubblewrap',
    script: 'for b in $(which -a bwrap); do mount --bind /dev/null "$b"; done',
    code: 'TW_RUN_NO_PROGRAM',
  },
  {
    what: 'a DNS server',
    script: 'mount --bind /dev/null /etc/resolv.conf',
    code: 'TW_RUN_NO_UPSTREAM',
  },
];

for (const { what, script, code } of lacks) {
  test(`without ${what}: ${code}`, { skip }, async () => {
    const ended = await runIn(script);
    assert.equal(ended.code, 125, ended.stderr);
    assertOneSentence(ended.stderr, code);
  });
}
test('a kernel that refuses the programs: TW_BPF_REFUSED', { skip }, async () => {
  const { lab, work, home } = stage();
  const file = stage().policy(policy);
  // Without the capability the kernel refuses as one does that lacks the feature.
  const drop = ['--bounding-set=-bpf,-sys_admin', '--inh-caps=-bpf,-sys_admin'];
  const args = [...drop, TORWACHT, 'run', '--policy', file, '--', 'touch', join(work, 'ran')];
  const ended = await lab.run('host', 'setpriv', args, { cwd: work, env: { HOME: home } });
  assert.equal(ended.code, 125, ended.stderr);
  assert.match(ended.stderr, /^torwacht: .* \[TW_(BPF_REFUSED|HOST_BPFFS)\]$/m);
  assert.ok(!existsSync(join(work, 'ran')));
});

/** A checkout without what was built, or with parts of it. */
function checkout(...built: string[]): string {
  const folder = join(stage().lab.folder, `checkout-${built.length}`);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  mkdirSync(join(folder, 'build'));
  cpSync(TORWACHT, join(folder, 'bin/torwacht'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const name of built)
    cpSync(join(root, 'build', name), join(folder, 'build', name), { recursive: true });
  return join(folder, 'bin/torwacht');
}

test('not built at all: told by the starter', { skip }, async () => {
  const ended = await runIn('true', checkout());
  assert.ok(ended.code === 5 || ended.code === 125, String(ended.code));
  assert.match(ended.stderr, /^torwacht: not built yet: .*Run 'make' in /);
});

test('the native part is missing: TW_BPF_NOT_BUILT', { skip }, async () => {
  const ended = await runIn('true', checkout('torwacht.mjs', 'torwacht'));
  assert.equal(ended.code, 125, ended.stderr);
  assertOneSentence(ended.stderr, 'TW_BPF_NOT_BUILT');
});

test('the programs are missing: TW_BPF_NOT_BUILT', { skip }, async () => {
  const ended = await runIn('true', checkout('torwacht.mjs', 'torwacht', 'torwacht.node'));
  assert.equal(ended.code, 125, ended.stderr);
  assertOneSentence(ended.stderr, 'TW_BPF_NOT_BUILT');
});

test('nothing of such a start is left', { skip }, () => {
  const folder = '/run/torwacht/runs';
  const records = existsSync(folder)
    ? readdirSync(folder).filter((name) => name.endsWith('.json'))
    : [];
  const ours = records.filter((name) => readIfThere(join(folder, name)).includes(stage().lab.id));
  assert.deepEqual(ours, []);
});

/** All programs of PATH but one, as links in one folder. */
function pathWithout(program: string): string {
  const folder = join(stage().lab.folder, 'programs');
  mkdirSync(folder);
  for (const place of PATH.split(':').filter((one) => existsSync(one))) {
    for (const name of readdirSync(place)) {
      const link = join(folder, name);
      if (name !== program && !existsSync(link)) attemptLink(join(place, name), link);
    }
  }
  return folder;
}

/** A link to nowhere may stand there already. */
function attemptLink(target: string, link: string): void {
  try {
    symlinkSync(target, link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

test('no clang at build time: make says what is missing and how to get it', { skip }, async () => {
  // Without the variable, root's make would install it.
  const env = { PATH: pathWithout('clang'), TORWACHT_SETUP_CHECK: '1' };
  const made = await stage().lab.run('host', 'make', ['-C', root, 'bpf'], { env });
  assert.equal(made.code, 2, made.stdout);
  assert.match(
    made.stderr,
    /^setup: missing on this host: clang \(compiles the eBPF programs\).*: apt-get install .*\bclang\b/m,
  );
});
