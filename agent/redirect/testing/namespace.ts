/** A network namespace with loopback and nothing else, for one test. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestNamespace {
  /** As setns takes it. */
  readonly path: string;
  run(command: string, args: readonly string[], input?: string): string;
}

/** Made by a process that the test ends. */
export async function testNamespace(t: TestContext): Promise<TestNamespace> {
  const child = spawn('unshare', ['--net', 'sleep', '120'], { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.signalCode === null) await once(child, 'exit');
  });
  const path = `/proc/${child.pid}/ns/net`;
  const ours = readlinkSync('/proc/self/ns/net');
  for (let tries = 0; readlinkSync(path) === ours; tries++) {
    if (tries === 1000) throw new Error('unshare made no network namespace');
    await sleep(10);
  }
  const run = (command: string, args: readonly string[], input = ''): string =>
    execFileSync('nsenter', [`--net=${path}`, command, ...args], { input, encoding: 'utf8' });
  run('ip', ['link', 'set', 'lo', 'up']);
  return { path, run };
}
