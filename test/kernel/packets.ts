/** IPv4 packets by hand, for sockets that take them as they are. */

export interface Udp4 {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly payload?: string;
}

export function udp4({ from, to, port, payload = 'secret' }: Udp4): Buffer {
  const body = Buffer.from(payload);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(4000, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(8 + body.length, 4);
  return Buffer.concat([ip4(from, to, 17, 8 + body.length), udp, body]);
}

/** A segment that claims to belong to an open connection. */
export function tcp4({ from, to, port, payload = 'secret' }: Udp4): Buffer {
  const body = Buffer.from(payload);
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(4000, 0);
  tcp.writeUInt16BE(port, 2);
  tcp.writeUInt8(0x50, 12);
  tcp.writeUInt8(0x18, 13);
  return Buffer.concat([ip4(from, to, 6, 20 + body.length), tcp, body]);
}

/** A header with its checksum (RFC 791): the machine forwards no other. */
function ip4(from: string, to: string, protocol: number, length: number): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + length, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  Buffer.from(from.split('.').map(Number)).copy(header, 12);
  Buffer.from(to.split('.').map(Number)).copy(header, 16);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at);
  while (sum >>> 16) sum = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return header;
}
