import assert from 'node:assert/strict';
import { test } from 'node:test';
import { taggedSockets, taggingInUse } from './tags.ts';

const head = '#subsys_name\thierarchy\tnum_cgroups\tenabled\n';
const pure = `${head}cpu\t0\t60\t1\nnet_cls\t0\t60\t1\nnet_prio\t0\t60\t1\n`;
const hybrid = `${head}cpu\t3\t1\t1\nnet_cls\t5\t1\t1\nnet_prio\t5\t1\t1\n`;
const old = { keepsCgroup: () => false };
const newer = { keepsCgroup: () => true };

test('controllers that tag are in use where a v1 hierarchy has them', () => {
  assert.deepEqual(taggingInUse(pure), []);
  assert.deepEqual(taggingInUse(hybrid), ['net_cls', 'net_prio']);
  assert.deepEqual(taggingInUse(`${head}cpu\t3\t1\t1\n`), []);
});

test('both together take sockets away from their targets, and the error says what helps', () => {
  assert.equal(taggedSockets(newer, hybrid), undefined);
  assert.equal(taggedSockets(old, pure), undefined);
  const error = taggedSockets(old, hybrid);
  assert.equal(error?.code, 'TW_HOST_TAGGED_SOCKETS');
  assert.match(error?.hint ?? '', /5\.15 or newer, or boot with cgroup_no_v1=net_cls,net_prio/);
});
