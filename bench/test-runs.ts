/**
 * The same by BPF_PROG_TEST_RUN, in a process inside the lab: a test packet is on its way to an
 * interface, and to loopback everything is local. Nothing is sent.
 */

import { join } from 'node:path';
import type { Lab } from '../test/lab/lab.ts';
import type { Figure } from './figure.ts';

export async function testRuns(lab: Lab): Promise<readonly Figure[]> {
  const script = join(import.meta.dirname, 'test-run.ts');
  const { code, stdout, stderr } = await lab.run('host', process.execPath, [script]);
  if (code !== 0) throw new Error(`the test runs ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Figure[];
}
