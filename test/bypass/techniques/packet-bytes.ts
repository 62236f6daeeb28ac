/** IP packets as a raw socket or a packet socket sends them, in hex. */

/** Where the lab's machine sends from, test/lab/addresses.ts. */
const SOURCE = '203.0.113.254';

const bytesOf = (address: string): number[] => address.split('.').map(Number);

export interface Header {
  readonly to: string;
  /** The lab's machine unless told. */
  readonly from?: string;
  readonly protocol: number;
  readonly payload: Buffer;
  /** In units of eight bytes (RFC 791, 3.1). */
  readonly offset?: number;
  readonly moreFragments?: true;
  readonly options?: Buffer;
}

/** The kernel fills in checksum and id for raw sockets; frames leave as they are, and routers look at them. */
export function ipv4(header: Header): string {
  const {
    to,
    from = SOURCE,
    protocol,
    payload,
    offset = 0,
    moreFragments,
    options = Buffer.alloc(0),
  } = header;
  const head = Buffer.alloc(20);
  head.writeUInt8(0x40 | ((20 + options.length) / 4), 0);
  head.writeUInt16BE(20 + options.length + payload.length, 2);
  head.writeUInt16BE(0x7171, 4);
  head.writeUInt16BE((moreFragments === undefined ? 0 : 0x2000) | offset, 6);
  head.writeUInt8(64, 8);
  head.writeUInt8(protocol, 9);
  head.set(bytesOf(from), 12);
  head.set(bytesOf(to), 16);
  const whole = Buffer.concat([head, options]);
  whole.writeUInt16BE(checksum(whole), 10);
  return Buffer.concat([whole, payload]).toString('hex');
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
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
