/** Which hierarchies a cluster has its cgroups in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hierarchies } from './cgroups.ts';

test('on a hybrid host every v1 hierarchy and the cgroup2 tree count', () => {
  const mountinfo = `
26 19 0:23 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
27 26 0:24 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
28 26 0:25 / /sys/fs/cgroup/systemd rw,relatime shared:9 - cgroup cgroup rw,name=systemd
29 26 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
  assert.deepEqual(hierarchies(mountinfo), [
    { mount: '/sys/fs/cgroup/cpu', version: 1 },
    { mount: '/sys/fs/cgroup/systemd', version: 1 },
    { mount: '/sys/fs/cgroup/unified', version: 2 },
  ]);
});

test('a mount that shows only a part of a hierarchy does not', () => {
  const mountinfo = `
29 26 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate
77 26 0:26 /system.slice /somewhere/else rw - cgroup2 cgroup2 rw
`;
  assert.deepEqual(hierarchies(mountinfo), [{ mount: '/sys/fs/cgroup', version: 2 }]);
});
