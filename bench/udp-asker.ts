/**
 * Sends a datagram each millisecond, and says when the kernel's answer becomes another: a line of JSON with the
 * wall time in ms and whether it may be sent.
 *
 * Usage: node udp-asker.ts ADDRESS PORT, in the namespaces and the cgroup of whoever is to be asked for
 */
import { createSocket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';

const [address = '', port = ''] = process.argv.slice(2);
const socket = createSocket('udp4');
let before: boolean | undefined;

for (;;) {
  const allowed = await new Promise<boolean>((resolve) => {
    socket.send('?', Number(port), address, (error) => resolve(error === null));
  });
  if (allowed !== before) {
    const at = performance.timeOrigin + performance.now();
    process.stdout.write(`${JSON.stringify({ at, allowed })}\n`);
  }
  before = allowed;
  await pause(1);
}
