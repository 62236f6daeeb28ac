import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Interface } from '#bpf/native.ts';
import { hostEnds } from './by-nftables.ts';

const link = (index: number, peer: number, kind = 'veth', name = `l${index}`): Interface => ({
  index,
  peer,
  kind,
  name,
});

const of = (links: readonly Interface[]) => (wanted: number) =>
  links.find(({ index }) => index === wanted);

test('a veth pair is known from both ends: each names the other', () => {
  const ours = of([link(1, 0, ''), link(7, 3), link(8, 2), link(9, 2, 'macvlan')]);
  assert.deepEqual(hostEnds([link(2, 8)], ours), { ends: [8], without: null });
  assert.deepEqual(hostEnds([link(2, 8), link(3, 7)], ours), { ends: [8, 7], without: null });
});

test('where one link has no end here, nothing is said to stand behind the hooks', () => {
  const ours = of([link(7, 3), link(8, 2)]);
  for (const [uplink, why] of [
    [link(2, 7), /l2 is veth without an end/],
    [link(2, 9), /l2 is veth/],
    [link(2, 8, 'macvlan'), /l2 is macvlan/],
    [link(2, 8, 'netkit'), /l2 is netkit/],
    [link(2, 0, ''), /l2 is a device/],
  ] as const) {
    const { ends, without } = hostEnds([link(3, 7), uplink], ours);
    assert.deepEqual(ends, []);
    assert.match(without ?? '', why);
  }
});

test('more links than the kernel’s record holds are not half covered', () => {
  const uplinks = [1, 2, 3, 4, 5].map((n) => link(n, n + 10));
  const ours = uplinks.map(({ index, peer }) => link(peer, index));
  assert.match(hostEnds(uplinks, of(ours)).without ?? '', /more than 4/);
});
