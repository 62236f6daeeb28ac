/** Faults that are planted in a copy of the engine's C: the fuzzer must find each of them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const RUNS = 400_000;

const planted: readonly [what: string, file: string, right: string, wrong: string][] = [
  [
    'headers are read in place beyond what is shown',
    'short.h',
    '(void *)(&th->ports + 1) > end)',
    '(void *)th > end)',
  ],
  [
    'the short way lets segments through that end behind their ports',
    'short.h',
    'ip->protocol != IPPROTO_TCP || (void *)(th + 1) > end',
    'ip->protocol != IPPROTO_TCP',
  ],
  [
    'the short way lets expired addresses through',
    'short.h',
    '!(__u32)*opened || tw_now() >= *opened >> 32',
    '!(__u32)*opened',
  ],
  [
    'the short way does not look at deny lines of prefixes',
    'short.h',
    'in_force & TW_DENY_CIDR || skb->ifindex == 1',
    'skb->ifindex == 1',
  ],
  [
    'a remembered verdict outlives its policy',
    'short.h',
    'TW_UNLIKELY(TW_POLICY_TABLE(in_force) != s->table)',
    'TW_UNLIKELY(!in_force)',
  ],
  [
    'ports are read wrongly where they are copied',
    'packet.h',
    'bpf_skb_load_bytes(skb, offset, &copy, sizeof(copy))',
    'bpf_skb_load_bytes(skb, offset - 1, &copy, sizeof(copy))',
  ],
];

for (const [what, file, right, wrong] of planted) {
  test(`it is found when ${what}`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'torwacht-planted-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const bpf = join(folder, 'bpf');
    cpSync(join(root, 'bpf'), bpf, { recursive: true });
    const source = readFileSync(join(bpf, file), 'utf8');
    assert.equal(source.split(right).length, 2, `${file} has not the line to plant this in`);
    writeFileSync(join(bpf, file), source.replace(right, wrong));
    const fuzzer = join(folder, 'packet');
    const built = spawnSync('make', ['-s', `FUZZ_BPF=${bpf}`, `FUZZER=${fuzzer}`, fuzzer], {
      cwd: root,
      encoding: 'utf8',
      timeout: 120_000,
    });
    assert.equal(built.status, 0, built.stderr);
    const args = [`-runs=${RUNS}`, '-seed=1', '-max_len=1024'];
    const ended = spawnSync(fuzzer, args, { cwd: folder, encoding: 'utf8', timeout: 240_000 });
    assert.notEqual(ended.status, 0, 'the fuzzer is content');
    assert.match(ended.stderr, /does not hold|AddressSanitizer|runtime error/);
  });
}
