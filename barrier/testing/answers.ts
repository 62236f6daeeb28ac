/** Answers on the wire as the barrier may get them, and a second reading of them: one expression. */
import { Buffer } from 'node:buffer';

export const NAME = Buffer.from('\x09_torwacht\x08attached\x05local\0', 'latin1');
export const QUESTION = Buffer.concat([NAME, Buffer.from([0, 16, 0, 1])]);
export const TEXT =
  'attached protocol=1 version=0.1.0 mode=block policy=0123456789abcdef guards=none';
const POINTER = Buffer.from([0xc0, 0x0c]);

export interface Shape {
  readonly id?: number;
  readonly flags?: number;
  /** QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT. */
  readonly counts?: readonly [number, number, number, number];
  readonly question?: Buffer;
  readonly owner?: Buffer;
  readonly type?: number;
  readonly class?: number;
  /** RDLENGTH, where it is not the data's. */
  readonly length?: number;
  readonly strings?: readonly string[];
  readonly after?: Buffer;
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i);
  return bytes;
}

/** A whole answer; without changes it is as the agent's. */
export function answer(shape: Shape = {}): Buffer {
  const data = Buffer.concat(
    (shape.strings ?? [TEXT]).flatMap((one) => [
      Buffer.from([one.length]),
      Buffer.from(one, 'latin1'),
    ]),
  );
  return Buffer.concat([
    words(shape.id ?? 0x1234, shape.flags ?? 0x8180, ...(shape.counts ?? [1, 1, 0, 0])),
    shape.question ?? QUESTION,
    shape.owner ?? POINTER,
    words(shape.type ?? 16, shape.class ?? 1, 0, 0, shape.length ?? data.length),
    data,
    shape.after ?? Buffer.alloc(0),
  ]);
}

const q = QUESTION.toString('latin1');
const n = NAME.toString('latin1');
const wire = new RegExp(
  `^\\x12\\x34[\\x80\\x81\\x84\\x85][\\x00\\x10\\x20\\x30\\x40\\x50\\x60\\x70\\x80\\x90\\xa0\\xb0\\xc0\\xd0\\xe0\\xf0]` +
    `\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x00${q}(?:\\xc0\\x0c|${n})\\x00\\x10\\x00\\x01[^]{4}([^]{2})([^]*)$`,
);
const line = /^attached((?: [a-z]+=[A-Za-z0-9._:,+/-]*)*)$/;

/** What a good answer says; null for one that is not good in every byte. */
export function readGood(message: Buffer, accepted = ['0', '1']): Record<string, string> | null {
  if (message.length > 512) return null;
  const [, length = '', data = ''] = wire.exec(message.toString('latin1')) ?? [];
  if (length === '' || Buffer.from(length, 'latin1').readUInt16BE(0) !== data.length) return null;
  let text = '';
  let left = data;
  while (left !== '') {
    const size = left.charCodeAt(0);
    if (left.length < 1 + size) return null;
    text += left.slice(1, 1 + size);
    left = left.slice(1 + size);
  }
  const fields = line.exec(text)?.[1]?.trim().split(' ');
  const pairs = (fields ?? []).map((field) => field.split('=') as [string, string]);
  const known = pairs.filter(([key]) => ['protocol', 'version', 'mode', 'policy'].includes(key));
  const said = Object.fromEntries(known);
  const whole = known.length === 4 && known.every(([, value]) => value !== '');
  if (!whole || !accepted.includes(said.protocol ?? '')) return null;
  return Object.keys(said).length === 4 && /^(block|observe)$/.test(said.mode ?? '') ? said : null;
}
