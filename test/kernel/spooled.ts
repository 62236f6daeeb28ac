/** The agent's outputs in a holder: rows go to a spool on disk, as the receiver is never there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Engine } from '#agent/engine/engine.ts';
import { Outputs } from '#agent/outputs/outputs.ts';
import { readOutputs } from '#agent/outputs/spec.ts';
import { openLines } from '#agent/outputs/stdout.ts';
import type { EgressEvent } from '#api/event.ts';
import type { Kernel } from '#bpf/kernel.ts';

export function openSpooled(kernel: Kernel, engine: Engine, spool: string): Promise<Outputs> {
  return Outputs.open({
    ...{ node: '', version: 'test', spool, spoolBound: 64 << 20 },
    ...{ lines: openLines(2), log: pino({ level: 'silent' }), registry: new Registry() },
    ...{ told: kernel.told, targets: engine.targetsBefore },
    outputs: readOutputs(['webhook:http://127.0.0.1:1']),
  });
}

/** All that holders have told, by whole lines: one that was cut was not told. */
export function spooledEvents(spool: string): readonly EgressEvent[] {
  const folder = join(spool, 'webhook');
  return readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'latin1')
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { event: EgressEvent }).event),
  );
}
