/**
 * What the programs of a compiled object use: helpers, functions of the kernel's, newer instructions, each
 * with what they call. Reads ELF and instructions itself (include/uapi/linux/bpf.h, elf(5)): nothing has
 * loaded the object, so nothing has left out or changed a program of it.
 */

import { askedOf } from './probes.ts';

export interface Program {
  readonly name: string;
  /** The ELF section, which says of what kind it is. */
  readonly section: string;
  /**
   * Helpers by number, called by it or by a function that it calls; with the values of enums that every
   * such function asks the kernel for.
   */
  readonly helpers: ReadonlyMap<number, ReadonlySet<string>>;
  readonly kernelFunctions: ReadonlySet<string>;
  readonly instructions: ReadonlySet<string>;
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly offset: number;
  readonly size: number;
  readonly info: number;
}

interface Symbol {
  readonly name: string;
  readonly type: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

interface Fn extends Symbol {
  readonly helpers: Set<number>;
  readonly kernelFunctions: Set<string>;
  readonly instructions: Set<string>;
  readonly asks: Set<string>;
  readonly calls: Set<Fn>;
}

const SHT_SYMTAB = 2;
const SHT_REL = 9;
const SHF_EXECINSTR = 4n;
const STT_FUNC = 2;
const STT_SECTION = 3;
const CALL = 0x85;
const LOAD_64 = 0x18;
/** BPF_STX | BPF_ATOMIC, for 4 and 8 bytes; the operation stands in the immediate, BPF_ADD is 0. */
const ATOMIC = [0xc3, 0xdb];
/** Source register of a call: what is called (BPF_PSEUDO_CALL). */
const PSEUDO_CALL = 1;

export function programsOf(elf: Buffer): readonly Program[] {
  const sections = readSections(elf);
  const symbols = readSymbols(elf, sections);
  const functions: Fn[] = symbols
    .filter(({ type }) => type === STT_FUNC)
    .map((symbol) => ({
      ...symbol,
      helpers: new Set(),
      kernelFunctions: new Set(),
      instructions: new Set(),
      asks: new Set(),
      calls: new Set(),
    }));
  const isCode = (index: number) => ((sections[index]?.flags ?? 0n) & SHF_EXECINSTR) !== 0n;
  const at = functionAt(functions);
  for (const [index, section] of sections.entries()) {
    if (!isCode(index)) continue;
    const relocated = readRelocations(elf, sections, index, symbols);
    const code = elf.subarray(section.offset, section.offset + section.size);
    read(code, index, { relocated, at, isCode });
  }
  const bytesOf = (name: string) => {
    const section = sections.find((one) => one.name === name);
    return section && elf.subarray(section.offset, section.offset + section.size);
  };
  const [btf, ext] = [bytesOf('.BTF'), bytesOf('.BTF.ext')];
  for (const { section, offset, value } of btf && ext ? askedOf(btf, ext) : []) {
    const index = sections.findIndex(({ name }) => name === section);
    at(index, offset).asks.add(value);
  }
  return functions
    .filter(({ section }) => sections[section]?.name !== '.text')
    .map((fn) => collect(fn, sections[fn.section]?.name ?? ''));
}

interface Around {
  readonly relocated: ReadonlyMap<number, Symbol>;
  /** The function that stands there. */
  at(section: number, offset: number): Fn;
  isCode(section: number): boolean;
}

interface Instruction {
  readonly opcode: number;
  readonly source: number;
  readonly immediate: number;
  readonly section: number;
  readonly offset: number;
  /** What it speaks of. */
  readonly symbol: Symbol | undefined;
}

function functionAt(functions: readonly Fn[]): Around['at'] {
  return (section, offset) => {
    const found = functions.find(
      (fn) => fn.section === section && offset >= fn.value && offset < fn.value + fn.size,
    );
    if (!found) throw new Error(`no function stands at ${offset} of section ${section}`);
    return found;
  };
}

function read(code: Buffer, section: number, around: Around): void {
  for (let offset = 0; offset < code.length; offset += 8) {
    const instruction = {
      opcode: code.readUInt8(offset),
      source: code.readUInt8(offset + 1) >> 4,
      immediate: code.readInt32LE(offset + 4),
      section,
      offset,
      symbol: around.relocated.get(offset),
    };
    note(around.at(section, offset), instruction, around);
    // Its other half.
    if (instruction.opcode === LOAD_64) offset += 8;
  }
}

function note(fn: Fn, instruction: Instruction, around: Around): void {
  const { opcode, immediate, symbol } = instruction;
  if (opcode === CALL) noteCall(fn, instruction, around);
  else if (ATOMIC.includes(opcode) && immediate !== 0) fn.instructions.add('atomic fetch');
  else if (opcode === LOAD_64 && symbol && around.isCode(symbol.section)) {
    fn.instructions.add('function as a value');
    fn.calls.add(around.at(symbol.section, into(symbol, immediate)));
  }
}

function noteCall(fn: Fn, instruction: Instruction, around: Around): void {
  const { source, immediate, section, offset, symbol } = instruction;
  // Counted in instructions from the one behind: of the symbol's section, or from here.
  const distance = (immediate + 1) * 8;
  if (source !== PSEUDO_CALL) fn.helpers.add(immediate);
  else if (symbol?.section === 0) fn.kernelFunctions.add(symbol.name);
  else if (symbol) fn.calls.add(around.at(symbol.section, into(symbol, distance)));
  else fn.calls.add(around.at(section, offset + distance));
}

/** A section's symbol says nothing of where in it; a function's own does. */
const into = ({ type, value }: Symbol, distance: number): number =>
  value + (type === STT_SECTION ? distance : 0);

/** With all that it calls. */
function collect(fn: Fn, section: string): Program {
  const all = new Set([fn]);
  for (const one of all) for (const callee of one.calls) all.add(callee);
  const union = <T>(of: (one: Fn) => Set<T>) => new Set([...all].flatMap((one) => [...of(one)]));
  const asked = (helper: number) =>
    [...all]
      .filter(({ helpers }) => helpers.has(helper))
      .map(({ asks }) => asks)
      .reduce((common, asks) => common.intersection(asks));
  return {
    name: fn.name,
    section,
    helpers: new Map([...union((one) => one.helpers)].map((helper) => [helper, asked(helper)])),
    kernelFunctions: union((one) => one.kernelFunctions),
    instructions: union((one) => one.instructions),
  };
}

function readSections(elf: Buffer): readonly Section[] {
  const table = Number(elf.readBigUInt64LE(0x28));
  const [size, count, names] = [
    elf.readUInt16LE(0x3a),
    elf.readUInt16LE(0x3c),
    elf.readUInt16LE(0x3e),
  ];
  const headers = Array.from({ length: count }, (_, i) => elf.subarray(table + i * size));
  const strings = Number(headers[names]?.readBigUInt64LE(0x18) ?? 0n);
  return headers.map((header) => ({
    name: text(elf, strings + header.readUInt32LE(0)),
    type: header.readUInt32LE(4),
    flags: header.readBigUInt64LE(8),
    offset: Number(header.readBigUInt64LE(0x18)),
    size: Number(header.readBigUInt64LE(0x20)),
    info: header.readUInt32LE(0x2c),
  }));
}

function readSymbols(elf: Buffer, sections: readonly Section[]): readonly Symbol[] {
  const table = sections.find(({ type }) => type === SHT_SYMTAB);
  const strings = sections.find(({ name }) => name === '.strtab');
  if (!table || !strings) throw new Error('the object has no symbols');
  return entries(elf, table, 24).map((entry) => ({
    name: text(elf, strings.offset + entry.readUInt32LE(0)),
    type: entry.readUInt8(4) & 0xf,
    section: entry.readUInt16LE(6),
    value: Number(entry.readBigUInt64LE(8)),
    size: Number(entry.readBigUInt64LE(16)),
  }));
}

/** Symbols that instructions of a section speak of, by offset. */
function readRelocations(
  elf: Buffer,
  sections: readonly Section[],
  of: number,
  symbols: readonly Symbol[],
): ReadonlyMap<number, Symbol> {
  const tables = sections.filter(({ type, info }) => type === SHT_REL && info === of);
  return new Map(
    tables.flatMap((table) =>
      entries(elf, table, 16).flatMap((entry): [number, Symbol][] => {
        const symbol = symbols[entry.readUInt32LE(12)];
        return symbol ? [[Number(entry.readBigUInt64LE(0)), symbol]] : [];
      }),
    ),
  );
}

function entries(elf: Buffer, { offset, size }: Section, each: number): readonly Buffer[] {
  return Array.from({ length: size / each }, (_, i) => elf.subarray(offset + i * each));
}

function text(elf: Buffer, at: number): string {
  return elf.toString('latin1', at, elf.indexOf(0, at));
}
