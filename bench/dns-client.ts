/**
 * Asks for names that nobody asked for before, one after the other, and prints the median and the 99th
 * percentile in microseconds. Waits for a line on stdin, so that it can be put into a cgroup first.
 *
 * Usage: node dns-client.ts ADDRESS PORT COUNT PREFIX
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import dnsPacket from 'dns-packet';

const [address = '', port = '', count = '', prefix = ''] = process.argv.slice(2);
const WARM_UP = 200;

await once(process.stdin, 'data');
const socket = createSocket('udp4');
socket.connect(Number(port), address);
await once(socket, 'connect');
const times: number[] = [];
for (let i = 0; i < Number(count) + WARM_UP; i++) {
  const query = dnsPacket.encode({
    type: 'query',
    id: i & 0xffff,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'A', name: `${prefix}${i}.example.test` }],
  });
  const before = process.hrtime.bigint();
  socket.send(query);
  const [answer] = (await once(socket, 'message')) as [Buffer];
  const after = process.hrtime.bigint();
  if (dnsPacket.decode(answer).answers?.length !== 1) throw new Error('it was not answered');
  if (i >= WARM_UP) times.push(Number(after - before) / 1000);
}
socket.close();
process.stdin.destroy();
times.sort((a, b) => a - b);
const at = (share: number) => times[Math.floor(times.length * share)];
process.stdout.write(JSON.stringify({ p50: at(0.5), p99: at(0.99) }));
