/** What the barrier takes for an answer, byte by byte, under the sanitizers. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { attachedText, PROTOCOL } from '#agent/engine/attached.ts';
import { encodeReply } from '#dns/codec/encode.ts';
import { decodeQuery } from '#dns/codec/query.ts';
import { createRandom, type Random } from '../test/kernel/differential/random.ts';
import { answer, NAME, QUESTION, readGood, TEXT } from './testing/answers.ts';
import { build, type Program, SANITIZERS } from './testing/build.ts';

let judge: Program;
before(() => {
  judge = build(['testing/judge.c', 'answer.c']);
});
after(() => judge?.remove());

function judged(messages: readonly Buffer[], program = judge): string[] {
  const framed = messages.flatMap((message) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    return [length, message];
  });
  const done = spawnSync(program.path, {
    input: Buffer.concat(framed),
    maxBuffer: 1 << 28,
    encoding: 'latin1',
  });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.split('\n').slice(0, -1);
}

const said = 'version=0.1.0 mode=block policy=0123456789abcdef';
const with_ = (from: string, to: string) => answer({ strings: [TEXT.replace(from, to)] });
const capital = Buffer.from(QUESTION);
capital[13] = 0x54;

const table: readonly (readonly [what: string, message: Buffer, verdict: string])[] = [
  ['as the agent sends it', answer(), `good protocol=1 ${said}`],
  ['the whole name in place of a pointer', answer({ owner: NAME }), `good protocol=1 ${said}`],
  [
    'in several strings',
    answer({ strings: [TEXT.slice(0, 9), '', TEXT.slice(9)] }),
    `good protocol=1 ${said}`,
  ],
  ['the protocol before', with_('protocol=1', 'protocol=0'), `good protocol=0 ${said}`],
  [
    'a field that is not known yet',
    answer({ strings: [`${TEXT} later=a,b`] }),
    `good protocol=1 ${said}`,
  ],
  ['Observe', with_('block', 'observe'), `good protocol=1 ${said.replace('block', 'observe')}`],
  ['a later protocol', with_('protocol=1', 'protocol=2'), 'protocol protocol=2'],
  [
    'a later protocol with other fields',
    answer({ strings: ['attached protocol=77 x=y'] }),
    'protocol protocol=77',
  ],
  ['NXDOMAIN', answer({ flags: 0x8183, counts: [1, 0, 0, 0] }), 'elsewhere rcode=3'],
  ['an error without the question', answer({ flags: 0x8181 }).subarray(0, 12), 'elsewhere rcode=1'],
  ['no data', answer({ counts: [1, 0, 0, 0] }), 'elsewhere rcode=0'],
  ['another id', answer({ id: 0x1235 }), 'stray'],
  ['a query', answer({ flags: 0x0100 }), 'stray'],
  ['another opcode', answer({ flags: 0xa980 }), 'stray'],
  ['another question', answer({ question: capital }), 'stray'],
  ['no question', answer({ counts: [0, 1, 0, 0] }), 'stray'],
  ['empty', Buffer.alloc(0), 'stray'],
  ['cut off, as TC says', answer({ flags: 0x8380 }), 'malformed'],
  ['two answers', answer({ counts: [1, 2, 0, 0] }), 'malformed'],
  ['authorities', answer({ counts: [1, 1, 1, 0] }), 'malformed'],
  ['additional records', answer({ counts: [1, 1, 0, 1] }), 'malformed'],
  ['bytes behind the end', answer({ after: Buffer.from([0]) }), 'malformed'],
  ['another owner', answer({ owner: Buffer.from([0xc0, 0x0d]) }), 'malformed'],
  ['another type', answer({ type: 1 }), 'malformed'],
  ['another class', answer({ class: 3 }), 'malformed'],
  ['a length beyond the end', answer({ length: 500 }), 'malformed'],
  ['a length within the data', answer({ length: 3 }), 'malformed'],
  ['no string at all', answer({ strings: [] }), 'malformed'],
  ['an empty string', answer({ strings: [''] }), 'malformed'],
  [
    'more than 512 bytes',
    answer({ strings: [TEXT, ` x=${'y'.repeat(240)}`, 'y'.repeat(250)] }),
    'malformed',
  ],
  ['another word first', with_('attached', 'detached'), 'malformed'],
  ['the first word goes on', with_('attached', 'attachedly'), 'malformed'],
  ['no protocol', with_('protocol=1 ', ''), 'malformed'],
  ['the protocol twice', answer({ strings: [`${TEXT} protocol=1`] }), 'malformed'],
  ['a protocol with a sign', with_('protocol=1', 'protocol=+1'), 'malformed'],
  ['a protocol with a leading zero', with_('protocol=1', 'protocol=01'), 'malformed'],
  ['a protocol that wraps', with_('protocol=1', 'protocol=4294967297'), 'malformed'],
  ['no number as protocol', with_('protocol=1', 'protocol=1a'), 'malformed'],
  ['an empty protocol', with_('protocol=1', 'protocol='), 'malformed'],
  ['another mode', with_('block', 'blocked'), 'malformed'],
  ['no policy', with_('policy=0123456789abcdef ', ''), 'malformed'],
  ['two spaces', with_(' mode', '  mode'), 'malformed'],
  ['a space at the end', answer({ strings: [`${TEXT} `] }), 'malformed'],
  ['a NUL', with_('0.1.0', '0.1\0'), 'malformed'],
  ['a quotation mark', with_('0.1.0', '0.1"'), 'malformed'],
  ['a byte beyond ASCII', with_('0.1.0', '0.\xff'), 'malformed'],
];

for (const [what, message, verdict] of table) {
  test(what, () => assert.deepEqual(judged([message]), [verdict]));
}

test('every answer cut short is refused', () => {
  const whole = answer();
  const cut = Array.from({ length: whole.length }, (_, size) => whole.subarray(0, size));
  assert.deepEqual(
    judged(cut).filter((verdict) => !/^(stray|malformed)$/.test(verdict)),
    [],
  );
});

test('what the resolver sends is what the barrier takes', () => {
  const policy = {
    mode: 'Observe',
    digest: 'f'.repeat(64),
    rules: [],
    names: [],
    cidrs: [],
    upstreams: [],
  } as const;
  const query = decodeQuery(
    Buffer.concat([answer({ flags: 0x0100, counts: [1, 0, 0, 0] }).subarray(0, 12), QUESTION]),
  );
  assert.ok(typeof query === 'object');
  const reply = encodeReply(
    query,
    { rcode: 0, text: attachedText('1.2.3-rc.1+abc', policy), ttl: 0 },
    512,
  );
  assert.deepEqual(judged([reply]), [
    `good protocol=${PROTOCOL} version=1.2.3-rc.1+abc mode=observe policy=${'f'.repeat(16)}`,
  ]);
});

test('a barrier of protocol 7 takes 6 and 7', (context) => {
  const seven = build(['testing/judge.c', 'answer.c'], [...SANITIZERS, '-DBAR_PROTOCOL=7']);
  context.after(() => seven.remove());
  const numbers = [5, 6, 7, 8].map((number) => with_('protocol=1', `protocol=${number}`));
  assert.deepEqual(
    judged(numbers, seven).map((verdict) => verdict.slice(0, 15)),
    ['protocol protoc', 'good protocol=6', 'good protocol=7', 'protocol protoc'],
  );
});

/** A good answer with a few bytes or pieces changed. */
function mutate(random: Random): Buffer {
  const message = Buffer.from(answer(random.oneIn(3) ? { owner: NAME } : {}));
  for (let changes = 1 + random.int(3); changes > 0; changes--) {
    // Flags, counts, lengths and the text are where a change may still be good.
    const at = random.int(message.length);
    const bits = random.pick([1 << random.int(8), random.int(256)]);
    message.writeUInt8(random.oneIn(2) ? bits : message.readUInt8(at) ^ bits, at);
  }
  if (random.oneIn(6)) return message.subarray(0, random.int(message.length + 1));
  if (random.oneIn(8)) return Buffer.concat([message, Buffer.alloc(random.int(600), 'a=')]);
  return message;
}

const seed = Number(process.env.TORWACHT_SEED ?? randomInt(2 ** 32));
test(`of 60,000 damaged answers the good ones are those of a second reading (seed ${seed})`, () => {
  const random = createRandom(seed);
  const messages = Array.from({ length: 60_000 }, () => mutate(random));
  let good = 0;
  for (const [i, verdict] of judged(messages).entries()) {
    const message = messages[i] as Buffer;
    const want = readGood(message);
    const { protocol, version, mode, policy } = want ?? {};
    const line = `good protocol=${protocol} version=${version} mode=${mode} policy=${policy}`;
    if (want === null) assert.doesNotMatch(verdict, /^good/, message.toString('hex'));
    else assert.equal(verdict, line, message.toString('hex'));
    good += want === null ? 0 : 1;
  }
  assert.ok(good > 100 && good < 40_000, `${good} good ones`);
});

const fuzzer = canFuzz();

function canFuzz(): false | string {
  try {
    const none = build(['testing/fuzz.c', 'answer.c'], ['-fsanitize=fuzzer'], 'clang');
    none.remove();
    return false;
  } catch {
    return 'needs clang with libFuzzer';
  }
}

test('libFuzzer finds nothing in 300,000 runs', { skip: fuzzer }, (context) => {
  const program = build(
    ['testing/fuzz.c', 'answer.c'],
    ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'],
    'clang',
  );
  context.after(() => program.remove());
  const corpus = join(program.folder, 'corpus');
  mkdirSync(corpus);
  for (const [i, [, message]] of table.entries()) writeFileSync(join(corpus, String(i)), message);
  const args = ['-runs=300000', '-max_len=700', `-seed=${(seed % 4_000_000) + 1}`, corpus];
  execFileSync(program.path, args, { cwd: program.folder, stdio: ['ignore', 'ignore', 'pipe'] });
});
