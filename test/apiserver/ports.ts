/**
 * Ports that stay free while a program is away, so that it comes back where clients look for it. They are
 * below those that the kernel gives to outgoing connections, since one of these could take it meanwhile.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST = 10_000;

/** Of the loopback; all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST, firstEphemeral());
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function firstEphemeral(): number {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const first = Number(range.split(/\s+/)[0]);
  return first > LOWEST + 1000 ? first : 32_768;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
