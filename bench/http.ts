/**
 * Real HTTP for the throughput bench, both sides Node's own.
 *
 * Usage: node http.ts server ADDRESS PORT; says a line when it listens
 *        node http.ts client ADDRESS PORT; reads `close COUNT` or `keep COUNT`, answers requests a second
 */
import { Agent, createServer, get } from 'node:http';
import { createInterface } from 'node:readline';
import { assertInsideLab } from '../test/lab/mark.ts';

const [role = '', host = '', port = ''] = process.argv.slice(2);
/** What a small package's metadata weighs. */
const BODY = Buffer.alloc(4096, 'x');

assertInsideLab();
if (role === 'server') serve();
else await ask();

function serve(): void {
  createServer((_, response) => response.end(BODY)).listen(Number(port), host, () => {
    process.stdout.write('up\n');
  });
  process.stdin.on('end', () => process.exit()).resume();
}

async function ask(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const [how = '', count = '0'] = line.split(' ');
    // A connection of before belongs to the cgroup that this process was in.
    const agent = new Agent(how === 'keep' ? { keepAlive: true, maxSockets: 1 } : {});
    const began = performance.now();
    for (let i = 0; i < Number(count); i++) await request(agent);
    process.stdout.write(`${(Number(count) / (performance.now() - began)) * 1000}\n`);
    agent.destroy();
  }
}

function request(agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = get({ host, port: Number(port), agent }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () =>
        bytes === BODY.length ? resolve() : reject(new Error(`${bytes} bytes came`)),
      );
    });
    sent.on('error', reject);
  });
}
