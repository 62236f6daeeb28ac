/**
 * Numbers of the DNS wire format (RFC 1035 §3.2 and §4.1, RFC 6891 §6.1), and the caps that bound the
 * work that one message can cause, whatever it claims about itself.
 */

export const types = { A: 1, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, OPT: 41, HTTPS: 65 } as const;

export const CLASS_IN = 1;

export const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** Needs an OPT record: its upper bits travel there (RFC 6891 §6.1.3). */
  BADVERS: 16,
} as const;

/** Bits of the header's second 16-bit word. */
export const flags = {
  QR: 0x8000,
  OPCODE: 0x7800,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  CD: 0x0010,
  RCODE: 0x000f,
} as const;

export const HEADER = 12;

/** Bytes of an OPT record without options: root, type, class (size), TTL (flags), RDLENGTH. */
export const OPT_SIZE = 11;

/** RFC 1035 §2.3.4: bytes of one label, and of a name with its length bytes and the root. */
export const MAX_LABEL = 63;
export const MAX_NAME = 255;

/** Pointers followed in one name; real messages need two or three. */
export const MAX_HOPS = 16;

/** Records in one message. The largest real answers (object stores, by TCP) have some dozens. */
export const MAX_RECORDS = 512;

/**
 * Bytes of names read in one message, pointers followed included: MAX_RECORDS names of 16 bytes. Pointers
 * let a small message hold hundreds of names of 255 bytes, so it is bytes that have to be counted.
 */
export const MAX_NAME_BYTES = 8192;

/** What fits a datagram that carries no OPT (RFC 1035 §4.2.1). */
export const UDP_PLAIN = 512;

/** The largest datagram that no path fragments (dnsflagday.net/2020); we offer it and never exceed it. */
export const UDP_EDNS = 1232;
