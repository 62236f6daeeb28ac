/** DNS messages as bytes in hex, also such as no client would send. */

/** RFC 1035, 4.1.1: id, RD, one question. */
const HEADER = Buffer.from([0x71, 0x71, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);

const types = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SVCB: 64, HTTPS: 65, ANY: 255 } as const;
export type QueryType = keyof typeof types;

/** Labels are given as they are on the wire: a dot within one is a byte of it. */
export function labels(...parts: readonly (string | Buffer)[]): Buffer {
  const bytes = parts.map((part) =>
    typeof part === 'string' ? Buffer.from(part, 'latin1') : part,
  );
  return Buffer.concat([
    ...bytes.flatMap((label) => [Buffer.from([label.length]), label]),
    Buffer.from([0]),
  ]);
}

export function question(name: string | Buffer, type: QueryType = 'A', klass = 1): Buffer {
  const wire = typeof name === 'string' ? labels(...name.split('.')) : name;
  return Buffer.concat([wire, Buffer.from([0, types[type], 0, klass])]);
}

/** One message with these questions. */
export function message(...questions: readonly Buffer[]): Buffer {
  const header = Buffer.from(HEADER);
  header.writeUInt16BE(questions.length, 4);
  return Buffer.concat([header, ...questions]);
}

export const query = (name: string | Buffer, type: QueryType = 'A'): string =>
  message(question(name, type)).toString('hex');

/** Messages one after the other, each behind its length (RFC 1035, 4.2.2). */
export function stream(...messages: readonly Buffer[]): string {
  return Buffer.concat(
    messages.flatMap((one) => [Buffer.from([one.length >> 8, one.length & 255]), one]),
  ).toString('hex');
}

/** With an OPT record (RFC 6891, 6.1.2) that holds this text in an option for local use. */
export function edns(of: Buffer, text: string): string {
  const bytes = message(of);
  bytes.writeUInt16BE(1, 10);
  const option = Buffer.from([0xfd, 0xe9, 0, text.length, ...Buffer.from(text)]);
  const head = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, option.length]);
  return Buffer.concat([bytes, head, option]).toString('hex');
}
