import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  findBpfMounts,
  findCgroup2,
  isWithin,
  mountOf,
  parseMounts,
  readMounts,
  samePaths,
  visibleMounts,
} from './mountinfo.ts';

const hybrid = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
23 27 0:22 / /sys rw - sysfs sysfs rw
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
50 23 0:50 / /sys/fs/bpf rw - bpf bpf rw
51 27 0:51 / /mnt/a\\040b\\134\\303\\274 rw - tmpfs tmpfs rw
`;

test('fields are parsed, optional fields are skipped, octal escapes are bytes of UTF-8', () => {
  const mounts = parseMounts(hybrid);
  assert.equal(mounts.length, 8);
  assert.deepEqual(mounts[1], {
    id: 27,
    parent: 1,
    device: '254:0',
    root: '/',
    path: '/',
    options: ['rw', 'relatime'],
    superOptions: ['rw', 'discard'],
    type: 'ext4',
  });
  assert.equal(mounts[7]?.path, '/mnt/a b\\ü');
});

test('cgroup2 is found on a hybrid host, bpf file systems too', () => {
  const mounts = visibleMounts(parseMounts(hybrid));
  assert.equal(findCgroup2(mounts).path, '/sys/fs/cgroup/unified');
  assert.deepEqual(
    findBpfMounts(mounts).map((mount) => mount.path),
    ['/sys/fs/bpf'],
  );
});

test('a host without cgroup2 gets a sentence that says what to mount', () => {
  const mounts = parseMounts(hybrid.replace(/.*cgroup2.*\n/, ''));
  assert.throws(() => findCgroup2(mounts), {
    code: 'TW_HOST_NO_CGROUP2',
    hint: /mount -t cgroup2/,
  });
});

test('the mount that shows the whole tree is preferred', () => {
  const mounts = parseMounts(
    '1 0 8:1 / / rw - ext4 x rw\n2 1 0:9 /sub /a rw - cgroup2 c rw\n3 1 0:9 / /b/c rw - cgroup2 c rw\n',
  );
  assert.equal(findCgroup2(mounts).path, '/b/c');
});

test('mounts under a newer mount are not visible', () => {
  const mounts = visibleMounts(
    parseMounts(
      [
        '1 0 8:1 / / rw - ext4 x rw',
        '2 1 0:1 / /dev rw - devtmpfs d rw',
        '3 2 0:2 / /dev/pts rw - devpts p rw',
        '4 2 0:3 / /dev rw - tmpfs t rw',
        '5 4 0:4 / /dev/shm rw - tmpfs s rw',
        '6 1 0:5 / /mnt/a rw - bpf b rw',
        '7 1 0:6 / /mnt rw - tmpfs t rw',
      ].join('\n'),
    ),
  );
  assert.deepEqual(
    mounts.map((mount) => mount.id),
    [1, 4, 5, 7],
  );
});

test('a file is found under every path that a bind mount gives it', () => {
  const mounts = visibleMounts(
    parseMounts(
      [
        '1 0 8:1 / / rw - ext4 x rw',
        '2 1 8:1 /home/u /srv/u rw - ext4 x rw',
        '3 1 8:1 /home/u/sock /opt/s rw - ext4 x rw',
        '4 1 8:1 /home/other /srv/o rw - ext4 x rw',
        '5 1 0:7 / /hidden rw - tmpfs t rw',
      ].join('\n'),
    ),
  );
  assert.deepEqual([...samePaths('/home/u/sock', mounts)].sort(), [
    '/home/u/sock',
    '/opt/s',
    '/srv/u/sock',
  ]);
  assert.deepEqual([...samePaths('/opt/s', mounts)].sort(), [
    '/home/u/sock',
    '/opt/s',
    '/srv/u/sock',
  ]);
  assert.deepEqual(samePaths('/hidden/x', mounts), ['/hidden/x']);
  assert.equal(mountOf('/srv/u/a', mounts)?.id, 2);
});

test('paths are compared by whole names', () => {
  assert.equal(isWithin('/a/b', '/a'), true);
  assert.equal(isWithin('/ab', '/a'), false);
  assert.equal(isWithin('/a', '/'), true);
});

test('the table of this process can be read', () => {
  assert.ok(readMounts().some((mount) => mount.path === '/'));
});
