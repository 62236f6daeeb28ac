/** Loading the programs: as this kernel takes them, into maps of this process or into pinned ones. */
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import { layoutHash, lockPins, ownFolder } from './map-pins.ts';
import { builtPath, type EngineHandle, native } from './native.ts';
import { type Attempt, attempts, backstopProgram } from './programs.ts';

const BTF = '/sys/kernel/btf/vmlinux';

/** What this kernel cannot do without, as far as anybody may look. @throws TW_BPF_NO_BTF */
export function needBtf(): void {
  if (!existsSync(BTF)) throw failure(errors.noBtf, { path: BTF });
}

export interface LoadedEngine {
  readonly engine: EngineHandle;
  /** The one that the kernel took. */
  readonly attempt: Attempt;
  /** Why it refused what others were loaded without, in this order. */
  readonly refusals: readonly string[];
  /** Of the pinned maps; empty without. */
  readonly folder: string;
}

/** @throws TW_BPF_NO_BTF, TW_BPF_NOT_BUILT, TW_BPF_REFUSED, TW_BPF_PINS_TAKEN (rejects) */
export async function loadEngine(
  sizes: Readonly<Record<string, number>>,
  backstop: boolean,
  pins: string,
): Promise<LoadedEngine> {
  needBtf();
  const path = builtPath('bpf/engine.bpf.o');
  if (!existsSync(path)) throw failure(errors.notBuilt, { path });
  if (pins) await lockPins(pins);
  const folder = pins && ownFolder(pins, layoutHash(path, sizes));
  const refusals: NodeJS.ErrnoException[] = [];
  const refused = new Set<string>();
  for (const attempt of attempts) {
    if ([...refused].some((program) => !attempt.without.includes(program))) continue;
    try {
      const without = [...attempt.without, ...(backstop ? [] : [backstopProgram])];
      const engine = await native().loadLater(path, sizes, without, folder);
      return { engine, attempt, refusals: refusals.map(({ message }) => message), folder };
    } catch (error) {
      refusals.push(error as NodeJS.ErrnoException);
      const program = refusedIn((error as Error).message);
      if (program !== undefined) refused.add(program);
    }
  }
  // The first may be of a program that others stand in for; the last is of one that cannot be done without.
  const last = refusals.at(-1);
  const reason = last?.code ?? 'unknown';
  const log = last?.message.trim() ?? '';
  throw failure(errors.refused, { kernel: release(), reason, log }, last);
}

/** Which program the kernel refused, by libbpf's words; undefined where they say nothing of one. */
function refusedIn(message: string): string | undefined {
  return /prog '(\w+)'/.exec(message)?.[1];
}
