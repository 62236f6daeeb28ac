/** What in a compiled object is newer than the floor, by program. */
import { type Program, programsOf } from './object.ts';
import {
  FLOOR,
  helperIn,
  instructions,
  isNewer,
  kernelFunctions,
  type Since,
  sections,
  type Version,
} from './since.ts';

export interface Newer {
  readonly program: string;
  /** A helper, a place to attach to, a function of the kernel's or an instruction. */
  readonly what: string;
  readonly since: Version;
}

/** @throws where an object uses what the table does not have: it must be looked up, not guessed */
export function newerThanFloor(elf: Buffer): readonly Newer[] {
  return programsOf(elf).flatMap((program) =>
    uses(program)
      .filter(({ since, probed }) => isNewer(since, FLOOR) && !probed)
      .map(({ name, since }) => ({ program: program.name, what: name, since })),
  );
}

interface Use extends Since {
  /** The function that uses it asks the kernel for it. */
  readonly probed: boolean;
}

export const uses = (program: Program): readonly Use[] => [
  known(program, `section ${program.section}`, sections[program.section]),
  ...[...program.helpers].map(([number, asked]) =>
    known(program, `helper ${number}`, helperIn(program.section, number), asked),
  ),
  ...[...program.kernelFunctions].map((name) => named(program, name, kernelFunctions[name])),
  ...[...program.instructions].map((name) => named(program, name, instructions[name])),
];

const named = (program: Program, name: string, since: Version | undefined): Use =>
  known(program, name, since === undefined ? undefined : { name, since });

function known(
  program: Program,
  what: string,
  since: Since | undefined,
  asked: ReadonlySet<string> = new Set(),
): Use {
  if (since === undefined) {
    throw new Error(
      `${program.name} uses ${what}, and test/kernels/floor/since.ts does not say which Linux brought it`,
    );
  }
  return { ...since, probed: since.probe !== undefined && asked.has(since.probe) };
}
