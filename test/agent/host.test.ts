/** What the agent asks of its host before it holds anything. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { attempt } from '../lab/execute.ts';
import { skip } from './scene.ts';

const AGENT = join(import.meta.dirname, '../../bin/torwacht-agent');
const WITHOUT = 'while umount -l -t bpf /sys/fs/bpf 2>/dev/null; do :; done; exec "$@"';

/**
 * One that it mounted in a container would end with the container, and every pinned link with it: pods would be
 * free until the next agent came.
 */
test('without a BPF file system of the host’s it does not start, and mounts none', { skip }, () => {
  const start = [AGENT, '--upstream', '192.0.2.53', '--containerd', '/nonexistent', '--listen'];
  const ended = attempt('timeout', [
    ...['20', 'unshare', '--mount', '--propagation', 'private', 'sh', '-ec', WITHOUT, 'sh'],
    ...[...start, '127.0.0.1:0'],
  ]);
  assert.equal(ended.code, 5, `${ended.stdout}${ended.stderr}`);
  assert.match(ended.stderr, /\[TW_AGENT_BPFFS\]\n +\S+/);
});
