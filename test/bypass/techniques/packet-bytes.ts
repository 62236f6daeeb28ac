/** IP packets as a raw socket or a packet socket sends them, in hex. */

/** Where the lab's machine sends from, test/lab/addresses.ts. */
const SOURCE = '203.0.113.254';

const bytesOf = (address: string): number[] => address.split('.').map(Number);

export interface Header {
  readonly to: string;
  readonly protocol: number;
  readonly payload: Buffer;
  /** In units of eight bytes (RFC 791, 3.1). */
  readonly offset?: number;
  readonly moreFragments?: true;
  readonly options?: Buffer;
}

/** The kernel fills in checksum and id for raw sockets; frames leave as they are. */
export function ipv4(header: Header): string {
  const { to, protocol, payload, offset = 0, moreFragments, options = Buffer.alloc(0) } = header;
  const head = Buffer.alloc(20);
  head.writeUInt8(0x40 | ((20 + options.length) / 4), 0);
  head.writeUInt16BE(20 + options.length + payload.length, 2);
  head.writeUInt16BE(0x7171, 4);
  head.writeUInt16BE((moreFragments === undefined ? 0 : 0x2000) | offset, 6);
  head.writeUInt8(64, 8);
  head.writeUInt8(protocol, 9);
  head.set(bytesOf(SOURCE), 12);
  head.set(bytesOf(to), 16);
  return Buffer.concat([head, options, payload]).toString('hex');
}

export function udp(port: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(4000, 0);
  head.writeUInt16BE(port, 2);
  head.writeUInt16BE(8 + text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** A segment that says it belongs to an open connection: ACK and PSH, no SYN. */
export function segment(port: number, text: string): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(4000, 0);
  head.writeUInt16BE(port, 2);
  head.writeUInt32BE(1, 4);
  head.writeUInt32BE(1, 8);
  head.writeUInt8(0x50, 12);
  head.writeUInt8(0x18, 13);
  head.writeUInt16BE(0xffff, 14);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** An echo request with a text in it (RFC 792). */
export function echo(text: string): Buffer {
  return Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 1, 0, 1]), Buffer.from(text)]);
}
