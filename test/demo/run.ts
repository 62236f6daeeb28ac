/**
 * `make demo`: a poisoned npm package is installed for real. First torwacht holds the job, then it
 * only observes, so that the viewer sees that the attack is real. Ends with 0 only if all that is
 * claimed was so.
 *
 * @example node test/demo/run.ts [path of torwacht]
 */
import { join } from 'node:path';
import { TorwachtError } from '#api/error.ts';
import { tableOf } from '../e2e/rows.ts';
import { METADATA_ADDRESS } from '../lab/servers/metadata.ts';
import type { Received } from '../lab/servers/sink-process.ts';
import { sweep } from '../lab/sweep.ts';
import { type JobEnded, runJob } from './job.ts';
import { type Check, heading, paint, quote, say, verify } from './telling.ts';
import { createWorld, secrets, thief, type World } from './world.ts';

const torwacht = process.argv[2] ?? join(import.meta.dirname, '../../bin/torwacht');
const where = `${thief.name}:${thief.port}`;

/**
 * What every row of the demo has in common: it is the poisoned package's script that npm started. From
 * version 24 on, Node.js calls itself MainThread.
 */
const culprit = {
  job_name: 'install',
  comm: /^(node|MainThread)$/,
  parent_comm: 'sh',
  ancestry: /^npm ci\b.* > sh$/,
};

/** The rows, by the columns of the table. */
const NO_RULE = 'default: no rule allows it';
const port = String(thief.port);
const byName = { action: 'block', domain: thief.name, ip: '-', port: '-', rule: NO_RULE };
const byAddress = { action: 'block', domain: '-', ip: thief.address, port, rule: NO_RULE };
const together = { action: 'observe', domain: thief.name, ip: thief.address, port, rule: NO_RULE };
const metadata = {
  action: 'block',
  domain: '-',
  ip: METADATA_ADDRESS,
  port: '80',
  rule: 'always: cloud metadata',
};

try {
  const held = await demo();
  say();
  say(held ? paint('green', 'All of it held.') : paint('red', 'The demo failed: see above.'));
  process.exitCode = held ? 0 : 1;
} catch (error) {
  if (!(error instanceof TorwachtError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n${error.hint}\n`);
  process.exitCode = 1;
}

async function demo(): Promise<boolean> {
  say(paint('bold', 'Torwacht: a poisoned npm package, installed for real'));
  sweep();
  say('Setting up a small internet inside this machine. Nothing in it can reach the real one.');
  const world = await createWorld();
  try {
    introduce();
    const blocked = await block(world);
    return (await observe(world)) && blocked;
  } finally {
    world.lab.close();
  }
}

function introduce(): void {
  say(`  registry.demo.test:4873  a real npm registry, with the poisoned package demo-dates`);
  say(`  ${where}         the thief's server at ${thief.address} (axios incident, March 2026)`);
  say(`  ${METADATA_ADDRESS}          a cloud's metadata service, which hands out credentials`);
  say('The job is `npm ci`. demo-dates runs a script at install: it looks for cloud credentials,');
  say(
    `takes ${Object.keys(secrets).join(' and ')} from the environment, and posts them to ${where};`,
  );
  say('if the name does not work, to its bare address.');
}

async function block(world: World): Promise<boolean> {
  heading('1. The job under torwacht. Its policy allows the registry, and nothing else.');
  const job = await runJob(world, torwacht, []);
  showLog(world.exfiltration.log());
  const asked = world.dns.queries().some(({ name }) => name.toLowerCase() === thief.name);
  return verify([
    ...installed(job),
    {
      what: `nothing arrived at ${where}, not one packet`,
      holds: nothingAt(world, 'exfiltration'),
    },
    { what: 'nothing arrived at the metadata service', holds: nothingAt(world, 'metadata') },
    { what: `nobody was asked for the address of ${thief.name}`, holds: !asked },
    { what: 'one row for the refused name, without address', holds: hasRow(job, byName) },
    { what: 'one row for the refused address, without name', holds: hasRow(job, byAddress) },
    { what: 'one row for the metadata service', holds: hasRow(job, metadata) },
    { what: 'and no other row', holds: hasRows(job, 3) },
  ]);
}

async function observe(world: World): Promise<boolean> {
  heading(
    '2. The same job with --observe: the same verdicts, but what a policy could allow passes.',
  );
  const job = await runJob(world, torwacht, ['--observe']);
  const received = await world.exfiltration.waitFor(2);
  showLog(received);
  const bodies = received.map(({ body }) => body ?? '');
  const stolen = Object.values(secrets).every((secret) => bodies.some((b) => b.includes(secret)));
  return verify([
    ...installed(job),
    { what: `the attack is real: the secrets arrived at ${where}`, holds: stolen },
    { what: 'one row with name and address together', holds: hasRow(job, together) },
    {
      what: 'the row of the metadata service, and no other',
      holds: hasRow(job, metadata) && hasRows(job, 2),
    },
    { what: 'metadata stays refused: no policy opens it', holds: nothingAt(world, 'metadata') },
  ]);
}

function installed(job: JobEnded): Check[] {
  const holds = job.code === 0 && job.installed;
  return [
    { what: 'the package is installed, and the job ended with 0', holds },
    { what: 'npm fetched it from the registry', holds: job.fetched },
  ];
}

type Cells = Readonly<Record<string, string | RegExp>>;

/** Has the table exactly one row with these cells? */
function hasRow({ lines }: JobEnded, cells: Cells): boolean {
  const wanted = Object.entries({ ...culprit, count: '1', ...cells });
  const matches = (row: Record<string, string>): boolean =>
    wanted.every(([name, cell]) =>
      typeof cell === 'string' ? row[name] === cell : cell.test(row[name] ?? ''),
    );
  return tableOf(lines.join('\n')).filter(matches).length === 1;
}

/** The table has a row for each of these attempts, and no other. */
function hasRows(job: JobEnded, count: number): boolean {
  return tableOf(job.lines.join('\n')).length === count;
}

/** The server's own log, and the count of packets before any server. */
function nothingAt(world: World, server: 'exfiltration' | 'metadata'): boolean {
  const address = server === 'metadata' ? METADATA_ADDRESS : thief.address;
  return world[server].log().length === 0 && world.lab.packetsTo(address) === 0;
}

function showLog(received: readonly Received[]): void {
  say(`  What the server at ${where} has in its log:`);
  if (received.length === 0) quote(paint('dim', '(empty)'));
  for (const { event, from, method, path, body } of received) {
    if (event === 'request') quote(paint('red', `${method} ${path} from ${from}: ${body}`));
  }
}
