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

/** What is found on a machine of these links for others' peers. */
const of = (ours: readonly Interface[]) => (links: readonly Interface[]) =>
  links.map(({ peer }) => ours.find(({ index }) => index === peer));

const ends = (ours: ReturnType<typeof of>, ...links: readonly Interface[]) =>
  hostEnds(links, ours(links));

test('a veth pair is known from both ends: each names the other', () => {
  const ours = of([link(1, 0, ''), link(7, 3), link(8, 2), link(9, 2, 'macvlan')]);
  assert.deepEqual(ends(ours, link(2, 8)), { ends: [8], without: null });
  assert.deepEqual(ends(ours, link(2, 8), link(3, 7)), { ends: [8, 7], without: null });
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
    const { ends: found, without } = ends(ours, link(3, 7), uplink);
    assert.deepEqual(found, []);
    assert.match(without ?? '', why);
  }
});

test('where no link leads out, nothing is taken for inside: one may come', () => {
  assert.match(ends(of([link(1, 0, '')])).without ?? '', /no link/);
});

test('more links than the kernel’s record holds are not half covered', () => {
  const uplinks = [1, 2, 3, 4, 5].map((n) => link(n, n + 10));
  const ours = uplinks.map(({ index, peer }) => link(peer, index));
  assert.match(ends(of(ours), ...uplinks).without ?? '', /more than 4/);
});
