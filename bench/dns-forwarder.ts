/**
 * A bare forwarder: two sockets and a map of ids, what no resolver in Node is faster than.
 *
 * Usage: node dns-forwarder.ts PORT-OF-SERVER; prints its own port. Ends with its stdin.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Addresses are literals: answered in place, where Node would go through its look-up for every datagram. */
const lookup = (
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void => done(null, address, 4);
const front = createSocket({ type: 'udp4', lookup });
const back = createSocket({ type: 'udp4', lookup });
const clients = new Map<number, { port: number; address: string }>();
back.connect(Number(process.argv[2]), '127.0.0.1');
await once(back, 'connect');
front.on('message', (query, from) => {
  clients.set(query.readUInt16BE(0), from);
  back.send(query);
});
back.on('message', (answer) => {
  const client = clients.get(answer.readUInt16BE(0));
  if (client !== undefined) front.send(answer, client.port, client.address);
});
front.bind(0, '127.0.0.1', () => process.stdout.write(`${front.address().port}\n`));
process.stdin.on('end', () => process.exit()).resume();
