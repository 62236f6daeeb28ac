/** Names that look like an allowed one. */
import type { Attempt, Record, Technique } from '../technique.ts';
import { labels, query } from './messages.ts';
import { DNS, GOOD, refusedName } from './names.ts';

/** A name as bytes that is not allowed, in whatever way it is told. */
const name = (what: string, wire: string | Buffer, bytes: string, record: Record): Attempt => ({
  what,
  step: `dns-udp ${DNS} 53 ${query(wire)}`,
  witness: { bytes },
  record,
});

const odd = (domain: string): Record => ({ row: { reason: 'query', domain } });

/** Of two attempts no name can be read. */
const unread: Record = { row: { reason: 'query', domain: '.', count: 2 } };

export const tricks: readonly Technique[] = [
  {
    id: 'name-case',
    title: 'Upper case and trailing dots',
    how: 'Rules are compared letter by letter, and DNS is not.',
    source: 'RFC 4343',
    outcome: 'stopped',
    by: 'Names are compared in lower case, label by label, as they stand in the message.',
    attempts: [
      name(
        'a denied name below an allowed wildcard, in upper case',
        'DENIED1.WILD.example.test',
        'DENIED1',
        { row: { reason: 'deny-rule', domain: 'denied1.wild.example.test' } },
      ),
      {
        what: 'dig with a trailing dot',
        step: 'run dig +short +time=1 +tries=1 denied2.wild.example.test.',
        witness: { asked: 'denied2.wild.example.test' },
        record: {
          row: { reason: 'deny-rule', domain: 'denied2.wild.example.test', comm: undefined },
        },
      },
    ],
  },
  {
    id: 'name-bytes',
    title: 'Dots and odd bytes within a label',
    how: 'A label holds a dot, a NUL or bytes beyond ASCII, and a parser that makes text of it reads another name.',
    source: 'npm dns-packet and dns2 (merge dots in labels)',
    outcome: 'stopped',
    by: 'Names stay bytes, label by label; what no policy can write is refused.',
    attempts: [
      name(
        'a dot within a label',
        labels('good.example', 'test'),
        'good.example',
        odd('good\\x5c.example.test'),
      ),
      name(
        'a whole allowed name as one label',
        labels('good.example.test'),
        '\x11good.example.test',
        odd('good\\x5c.example\\x5c.test'),
      ),
      name(
        'NUL in a label',
        labels('good\0', 'example', 'test'),
        '\x05good\0',
        odd('good\\x5c000.example.test'),
      ),
      name(
        'the byte 255',
        labels('good\xff', 'example', 'test'),
        '\x05good\xff',
        odd('good\\x5c255.example.test'),
      ),
      name(
        'an allowed name, NUL, then another',
        labels(`${GOOD}\0`, 'evil', 'test'),
        `${GOOD}\0`,
        odd('good\\x5c.example\\x5c.test\\x5c000.evil.test'),
      ),
    ],
  },
  {
    id: 'name-homograph',
    title: 'Letters that look alike',
    how: 'A name in another alphabet reads like the allowed one.',
    source: 'RFC 5891; UTS 39',
    outcome: 'stopped',
    by: 'Only ASCII labels are compared, byte by byte; xn-- names are names of their own.',
    attempts: [
      name(
        'in its ASCII form',
        'xn--god-fed.example.test',
        'xn--god-fed',
        refusedName('xn--god-fed.example.test'),
      ),
      name(
        'as UTF-8',
        labels(Buffer.from('gооd'), 'example', 'test'),
        Buffer.from('gооd').toString('latin1'),
        odd('g\\x5c208\\x5c190\\x5c208\\x5c190d.example.test'),
      ),
    ],
  },
  {
    id: 'name-length',
    title: 'Labels and names at their longest',
    how: 'A label of 64 bytes reads as something else, a name beyond 255 is cut where a rule ends.',
    source: 'RFC 1035, 2.3.4',
    outcome: 'stopped',
    by: 'Up to 63 and 255 bytes a name is judged whole; beyond that the message is refused.',
    attempts: [
      name(
        'a label of 63 bytes',
        `${'a'.repeat(63)}.evil.test`,
        'a'.repeat(63),
        refusedName(`${'a'.repeat(63)}.evil.test`),
      ),
      name(
        'a label of 64 bytes',
        labels('b'.repeat(64), 'example', 'test'),
        'b'.repeat(64),
        unread,
      ),
      name(
        'a name of 255 bytes below a denied one',
        [...Array<string>(3).fill('c'.repeat(63)), `${'c'.repeat(50)}`, 'evil', 'test'].join('.'),
        'c'.repeat(50),
        refusedName(
          [...Array<string>(3).fill('c'.repeat(63)), 'c'.repeat(50), 'evil', 'test'].join('.'),
        ),
      ),
      name(
        'a name of 300 bytes that ends in an allowed one',
        [...Array<string>(5).fill('e'.repeat(55)), 'wild', 'example', 'test'].join('.'),
        'e'.repeat(55),
        unread,
      ),
    ],
  },
  {
    id: 'name-suffix',
    title: 'Search suffixes and lookalikes',
    how: 'The allowed name stands in front of the attacker’s, by hand or by the resolver’s search list.',
    source: 'CargoWall README (suffixes)',
    outcome: 'stopped',
    by: 'The whole name in the message is judged; nothing is taken off it.',
    attempts: [
      name(
        'by hand',
        `${GOOD}.evil.test`,
        '\x04good\x07example\x04test\x04evil',
        refusedName(`${GOOD}.evil.test`),
      ),
      name(
        'without a boundary between labels',
        'evilgood.example.test',
        'evilgood',
        refusedName('evilgood.example.test'),
      ),
      {
        what: 'dig with a search list',
        step: `run dig +short +time=1 +tries=1 +search +ndots=5 +domain=suffix.evil.test ${GOOD}`,
        witness: { asked: `${GOOD}.suffix.evil.test` },
        record: { row: { reason: 'default', domain: `${GOOD}.suffix.evil.test`, comm: undefined } },
      },
    ],
  },
];
