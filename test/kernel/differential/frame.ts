/**
 * What an Ethernet frame says, read a second time and in another way than bpf/packet.h does: the
 * reference for what the kernel's side must have seen.
 */
import type { VerdictQuery } from '#policy/verdict.ts';

export type FrameFacts = Pick<
  VerdictQuery,
  'family' | 'daddr' | 'protocol' | 'dport' | 'malformed' | 'ipOptions' | 'fragment' | 'fresh'
>;

const ETHERNET = 14;
const TCP = 6;
const UDP = 17;
/** As far as the flags of a TCP header (RFC 9293, section 3.1); the ports of a UDP header. */
const NEEDED = new Map([
  [TCP, 14],
  [UDP, 4],
]);
const SYN = 0x02;
const ACK = 0x10;

/** `stream`: a TCP socket of the kernel's own sends it. */
export function readFrame(frame: Buffer, stream: boolean): FrameFacts {
  const type = frame.readUInt16BE(12);
  const packet = frame.subarray(ETHERNET);
  const nothing: FrameFacts = {
    family: 4,
    daddr: 0,
    protocol: 0,
    dport: 0,
    malformed: true,
    ipOptions: false,
    fragment: false,
    fresh: true,
  };
  if (type === 0x0800) return readIpv4(packet, stream, nothing);
  if (type === 0x86dd) return readIpv6(packet, stream, { ...nothing, family: 6 });
  return nothing;
}

function readIpv4(packet: Buffer, stream: boolean, nothing: FrameFacts): FrameFacts {
  if (packet.length < 20) return nothing;
  const words = packet.readUInt8(0) & 0x0f;
  const header = { ...nothing, daddr: packet.readUInt32BE(16), protocol: packet.readUInt8(9) };
  if (packet.readUInt8(0) >> 4 !== 4 || words < 5) return header;
  const whole = { ...header, malformed: false };
  if (words > 5) return { ...whole, ipOptions: true };
  if ((packet.readUInt16BE(6) & 0x1fff) !== 0) return { ...whole, fragment: true };
  return readTransport(packet.subarray(20), stream, whole);
}

function readIpv6(packet: Buffer, stream: boolean, nothing: FrameFacts): FrameFacts {
  if (packet.length < 40) return nothing;
  const whole = { ...nothing, protocol: packet.readUInt8(6), malformed: false };
  return readTransport(packet.subarray(40), stream, whole);
}

function readTransport(segment: Buffer, stream: boolean, packet: FrameFacts): FrameFacts {
  const needed = NEEDED.get(packet.protocol);
  if (needed === undefined) return packet;
  if (segment.length < needed) return { ...packet, malformed: true };
  const dport = segment.readUInt16BE(2);
  if (packet.protocol !== TCP || !stream) return { ...packet, dport };
  const flags = segment.readUInt8(13);
  return { ...packet, dport, fresh: (flags & SYN) !== 0 && (flags & ACK) === 0 };
}

/** Headers that can be read in place: what a socket's memory is asked about. */
export function isPlain(frame: Buffer): boolean {
  if (frame.length < ETHERNET + 20 || frame.readUInt16BE(12) !== 0x0800) return false;
  const needed = NEEDED.get(frame.readUInt8(ETHERNET + 9)) ?? 4;
  if (frame.length < ETHERNET + 20 + needed) return false;
  return frame[ETHERNET] === 0x45 && (frame.readUInt16BE(ETHERNET + 6) & 0x1fff) === 0;
}

export function etherType(frame: Buffer): number {
  return frame.readUInt16BE(12);
}

/** Address and port that a whole IPv4 packet with ports comes from, as a key. */
export function sourceOf(frame: Buffer): string {
  const port = frame.length < ETHERNET + 34 ? 0 : frame.readUInt16BE(ETHERNET + 20);
  return `${frame.readUInt32BE(ETHERNET + 12)}:${port}`;
}

/** A TCP segment of headers alone that opens nothing: a reset, or a last acknowledgement. */
export function isLastWord(frame: Buffer): boolean {
  const { malformed, ipOptions, fragment, protocol } = readFrame(frame, false);
  if (malformed || ipOptions || fragment || protocol !== TCP) return false;
  const headers = 20 + (frame.readUInt8(ETHERNET + 32) >> 4) * 4;
  const flags = frame.readUInt8(ETHERNET + 33);
  return frame.readUInt16BE(ETHERNET + 2) === headers && (flags & SYN) === 0;
}
