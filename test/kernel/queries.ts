/** DNS queries by a probe: what was answered and by whom, or why nothing was. */
import assert from 'node:assert/strict';
import packet from 'dns-packet';
import type { Probe } from './world.ts';

const ID = 4711;

export function query(name: string): Buffer {
  return packet.encode({
    type: 'query',
    id: ID,
    flags: packet.RECURSION_DESIRED,
    questions: [{ type: 'A', name }],
  });
}

/** `answer from where`, or the error that kept it from coming. */
export async function lookUp(
  probe: Probe,
  server: string,
  name: string,
  transport: 'udp' | 'tcp' = 'udp',
  port = 53,
): Promise<string> {
  const fd = await probe.ask('socket', server.includes(':') ? `${transport}6` : transport);
  if (transport === 'udp') {
    const sent = await probe.ask('sendto', fd, server, port, query(name).toString('hex'));
    return /^\d+$/.test(sent) ? readAnswer(await probe.ask('recv', fd)) : sent;
  }
  const connected = await probe.ask('connect', fd, server, port);
  if (connected !== '0') return connected;
  const bytes = query(name);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  await probe.ask('send', fd, Buffer.concat([length, bytes]).toString('hex'));
  return readAnswer((await probe.ask('recv', fd)).replace(/^..../, ''));
}

export function readAnswer(line: string): string {
  const [bytes = '', from = ''] = line.split(' ');
  if (from === '') return line;
  const { id, answers = [], ...rest } = packet.decode(Buffer.from(bytes, 'hex'));
  assert.equal(id, ID);
  const addresses = answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : []));
  return `${addresses.join() || (rest as { rcode?: string }).rcode} from ${from}`;
}
