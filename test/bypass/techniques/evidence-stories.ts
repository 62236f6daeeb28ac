/** What a run tells while someone tries to make it tell less, or something else. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EgressEvent } from '#api/event.ts';
import { eventsOf } from '../../e2e/rows.ts';
import { heldProbe } from '../stories.ts';
import type { Story } from '../technique.ts';
import { query } from './messages.ts';

/** The last event of each row has its final count. */
function finalRows(events: readonly EgressEvent[]): readonly EgressEvent[] {
  const key = ({ pid, domain, ip, port, reason }: EgressEvent) =>
    `${pid} ${domain} ${ip} ${port} ${reason}`;
  return [...new Map(events.map((event) => [key(event), event])).values()];
}

const sum = (events: readonly EgressEvent[]) => events.reduce((all, { count }) => all + count, 0);

export function besidesFlood(flooded: string, at: string): Story {
  return async (ground) => {
    const same = `flood ${flooded} 5000 20000 x`;
    const many = `flood ${flooded} 10000 2000 x each`;
    const seen = () => ground.seen([{ packets: flooded, port: 5000 }])[0] ?? 0;
    const short = `flood ${flooded} 5000 200 x`;
    assert.equal((await ground.free([short]))[short], '0 refused');
    const before = seen();
    assert.equal(before, 200, 'control');
    const held = await ground.held([same, many, `as-user tcp ${at} 8000 secret`]);
    assert.equal(held.outcomes[same], '20000 refused');
    assert.equal(held.outcomes[many], '2000 refused');
    assert.equal(seen(), before);
    const rows = finalRows(held.events);
    const flood = rows.filter(({ ip }) => ip === flooded);
    assert.equal(flood.length, 2001, held.said);
    assert.equal(flood.find(({ port }) => port === 5000)?.count, 20_000);
    assert.equal(sum(flood), 22_000);
    const other = rows.find(({ ip }) => ip === at);
    assert.equal(other?.uid, 65534, 'the other process has its row');
    assert.notEqual(other?.pid, flood[0]?.pid);
  };
}

export function moreThanRows(flooded: string, at: string): Story {
  return async (ground) => {
    const { stage, group, probe } = ground;
    const flood = `flood ${flooded} 10000 6000 x each`;
    const after = `as-user udp ${at} 5000 secret`;
    const file = join(stage.work, 'events');
    const flags = ['--output', file];
    const command = probe(flood, after);
    const ended = await stage.run({ policy: group.policy, flags, command });
    assert.match(ended.stdout, /\t6000 refused$/m);
    const rows = finalRows(eventsOf(readFileSync(file, 'utf8')));
    assert.equal(sum(rows), 6001, 'the numbers are exact');
    assert.doesNotMatch(ended.stderr, /more attempts/);
    assert.equal(ground.seen([{ packets: at, port: 5000 }])[0], 0);
    const rest = rows.filter(({ ip }) => ip === null);
    const known = rest.map(({ uid, count, reason }) => ({ uid, count, reason }));
    assert.deepEqual(
      known.sort((a, b) => a.count - b.count),
      [
        { uid: 65534, count: 1, reason: 'default' },
        { uid: 0, count: 6000 - 4096, reason: 'default' },
      ],
    );
    assert.match(ended.stderr, /blocked other destinations for probe\[\d+\]/);
  };
}

export function forgotten(at: string): Story {
  return async (ground) => {
    const step = `tcp ${at} 8000 secret`;
    await ground.free([step]);
    const seen = () => ground.seen([{ packets: at, port: 8000 }])[0] ?? 0;
    const before = seen();
    assert.ok(before > 0, 'control');
    const held = await ground.held([step, 'spawn 6000', step, `as-user ${step}`]);
    assert.equal(held.outcomes['spawn 6000'], 'ok');
    assert.equal(seen(), before);
    const rows = finalRows(held.events).filter(({ ip }) => ip === at);
    const known = rows.map(({ comm, uid, count }) => ({ comm, uid, count }));
    // One row, counted twice: the process of before and after is the same. The user is another one.
    assert.deepEqual(known, [
      { comm: 'probe', uid: 0, count: 2 },
      { comm: 'probe', uid: 65534, count: 1 },
    ]);
    const [root, user] = rows;
    assert.ok(root?.argv?.includes('probe') && user?.ancestry.at(-1)?.pid === root.pid);
  };
}

export const lookupsOfAnother: Story = async (ground) => {
  const server = '192.0.2.53';
  const ask = `dns-udp ${server} 53 ${query('good.example.test')}`;
  const flooding = heldProbe(ground);
  const rounds = 60_000;
  const flood = `flood ${server} 53 ${rounds} not-a-question`;
  const flooded = flooding.take(flood);
  const other = await ground.held([ask, ask, ask]);
  assert.match(other.outcomes[ask] ?? '', /c0000214$/, other.said);
  const refused = Number.parseInt((await flooded)[flood] ?? '', 10);
  // A burst of a thousand and five hundred a second: most were refused, whatever this machine's pace.
  assert.ok(refused > 0 && refused < rounds, `${refused} refused`);
  const rows = finalRows((await flooding.ended()).events);
  assert.equal(sum(rows.filter(({ reason }) => reason === 'dns-budget')), refused);
};

/** Each is a file's name, so without a slash; the first fifteen bytes are the process's name too. */
const hostile = [
  'x\ntorwacht: blocked forged.test for sh[1] (default: no rule allows it)\n',
  '\x1b[2J\x1b]0;owned\x07\r\b\b',
  '"},{"version":1,"action":"allow","comm":"forged',
  '\u202egnp.exe\u2066\u200b\u0085\ufeff',
  'node  sh  npm ci  allow  forged.test',
  '%s%n$(id)`id`\\x41\\\\',
  Buffer.from([0x61, 0xff, 0xfe, 0xc0, 0x80, 0x9b]).toString('latin1'),
];

export function hostileNames(at: string): Story {
  return async (ground) => {
    const { stage, group, probe } = ground;
    const [program = ''] = probe();
    const bytes = hostile.map((text, index) =>
      index < 6 ? Buffer.from(text, 'utf8') : Buffer.from(text, 'latin1'),
    );
    for (const name of bytes) {
      copyFileSync(program, Buffer.concat([Buffer.from(`${stage.work}/`), name]));
    }
    const label = bytes.map((name) => name.subarray(0, 63));
    const asks = label.map((one) => `dns-udp 192.0.2.53 53 ${rawQuery(one)}`);
    // The shell knows the names by their place, so that no argument of ours has to hold those bytes.
    const script = `for name in *; do case $name in probe|steps-*|events*) ;; *)
      "./$name" 'tcp ${at} 8000 secret' "$name" >/dev/null;; esac; done; exec "$@"`;
    const command = ['sh', '-c', script, 'sh', ...probe(...asks)];
    const job = hostile[0] ?? '';
    const file = join(stage.work, 'events.json');
    for (const how of [['--json'], ['--output', file]]) {
      const flags = [...how, '--job', job, '--project', hostile[3] ?? ''];
      const { stdout, stderr } = await stage.run({ policy: group.policy, flags, command });
      assert.match(stdout, /^dns-udp /m);
      assert.match(stderr, /^[ -~\n]*$/, 'nothing but printable ASCII');
      const told = stderr.split('\n').filter((line) => line !== '');
      const forged = told.filter((line) => line.startsWith('torwacht: blocked forged'));
      assert.deepEqual(forged, []);
      // Sentences of ours, as of what this kernel lacks, are no events.
      const sentences = /^torwacht: (not on this kernel|The command) .*\n/gm;
      const text =
        how[0] === '--json' ? stderr.replaceAll(sentences, '') : readFileSync(file, 'utf8');
      assert.match(text, /^[ -~\n]*$/);
      const events = eventsOf(text);
      assert.ok(events.every(({ action, job_name }) => action === 'block' && job_name === job));
      const programs = events.filter(({ ip }) => ip === at);
      assert.equal(programs.length, hostile.length, stderr);
      // Escapes are reversible: every name comes back as the bytes that it is.
      const names = programs.map(({ exe }) => unescaped(exe ?? '').subarray('./'.length));
      assert.deepEqual(sorted(names), sorted(bytes));
      const domains = events.filter(({ domain }) => domain !== null);
      assert.equal(domains.length, hostile.length);
      if (how[0] !== '--json') assertTable(stderr, hostile.length * 2);
    }
  };
}

/** Every row has as many columns as the head, two blanks apart. */
function assertTable(stderr: string, count: number): void {
  const lines = stderr.split('\n');
  const at = lines.findIndex((line) => line.startsWith('job_name '));
  const rows = lines.slice(at, lines.indexOf('', at)).map((line) => line.split(/ {2,}/).length);
  assert.equal(rows.length, count + 1);
  assert.ok(
    rows.every((columns) => columns === rows[0]),
    stderr,
  );
}

const sorted = (list: readonly Buffer[]) => list.map((one) => one.toString('latin1')).sort();

function unescaped(text: string): Buffer {
  return Buffer.from(
    text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    'latin1',
  );
}

/** A name with this label, which no policy can write. */
function rawQuery(label: Buffer): string {
  const name = Buffer.concat([
    Buffer.from([label.length]),
    label,
    Buffer.from('\x04evil\x04test\x00', 'latin1'),
  ]);
  return query(name);
}
