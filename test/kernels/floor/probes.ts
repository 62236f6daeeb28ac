/**
 * What a compiled object asks of the kernel's types: "is there such a value of an enum?", by which a program
 * leaves out a helper that the kernel lacks (CO-RE, BPF_CORE_ENUMVAL_EXISTS). Reads .BTF and .BTF.ext
 * (Documentation/bpf/btf.rst).
 */

export interface Asked {
  /** The ELF section, and the byte in it, of the instruction that gets the answer. */
  readonly section: string;
  readonly offset: number;
  /** The value's name: `BPF_FUNC_task_pt_regs`. */
  readonly value: string;
}

const ENUM = 6;
const ENUMVAL_EXISTS = 10;
/** Bytes behind a type's head, by kind: so many, and so many for each member. */
const BEHIND: Readonly<Record<number, readonly [number, number]>> = {
  1: [4, 0],
  3: [12, 0],
  4: [0, 12],
  5: [0, 12],
  [ENUM]: [0, 8],
  13: [0, 8],
  14: [4, 0],
  15: [0, 12],
  17: [4, 0],
  19: [0, 12],
};

export function askedOf(btf: Buffer, ext: Buffer): readonly Asked[] {
  const types = new Types(btf);
  const start = ext.readUInt32LE(4) + ext.readUInt32LE(24);
  const end = start + ext.readUInt32LE(28);
  const found: Asked[] = [];
  if (end === start) return found;
  const record = ext.readUInt32LE(start);
  for (let at = start + 4; at < end; ) {
    const section = types.text(ext.readUInt32LE(at));
    const count = ext.readUInt32LE(at + 4);
    at += 8;
    for (let i = 0; i < count; i++, at += record) {
      if (ext.readUInt32LE(at + 12) !== ENUMVAL_EXISTS) continue;
      const index = Number(types.text(ext.readUInt32LE(at + 8)));
      const value = types.enumValue(ext.readUInt32LE(at + 4), index);
      found.push({ section, offset: ext.readUInt32LE(at), value });
    }
  }
  return found;
}

class Types {
  readonly #btf: Buffer;
  readonly #strings: number;
  /** Where each type begins; the first, void, nowhere. */
  readonly #at: number[] = [0];

  constructor(btf: Buffer) {
    this.#btf = btf;
    const head = btf.readUInt32LE(4);
    this.#strings = head + btf.readUInt32LE(16);
    const end = head + btf.readUInt32LE(8) + btf.readUInt32LE(12);
    for (let at = head + btf.readUInt32LE(8); at < end; ) {
      this.#at.push(at);
      const info = btf.readUInt32LE(at + 4);
      const [fixed, each] = BEHIND[(info >> 24) & 0x1f] ?? [0, 0];
      at += 12 + fixed + each * (info & 0xffff);
    }
  }

  enumValue(type: number, index: number): string {
    const at = this.#at[type] ?? 0;
    return this.text(this.#btf.readUInt32LE(at + 12 + 8 * index));
  }

  text(offset: number): string {
    const at = this.#strings + offset;
    return this.#btf.toString('latin1', at, this.#btf.indexOf(0, at));
  }
}
