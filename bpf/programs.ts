/** Which programs there are, what a target needs of them, and what is lost without the rest. */

/** Parts that a kernel may refuse, with their programs and what is lost without them. */
export const optionalParts = {
  process: {
    programs: ['tw_fork', 'tw_exec'],
    lost: 'rows lack the executable, its arguments and ancestors that have ended',
  },
  create: {
    programs: ['tw_create'],
    lost: 'packets of raw sockets are refused without naming the process',
  },
  unix: {
    programs: ['tw_connect_unix', 'tw_sendmsg_unix'],
    lost: 'abstract Unix sockets of programs outside of the target can be reached',
  },
} as const;
export type OptionalPart = keyof typeof optionalParts;

/** What the kernel said to a program of this part, or else to the first that it refused. */
export function whyRefused(part: OptionalPart, refusals: readonly string[]): string {
  const of = optionalParts[part].programs.map((program) => `'${program}'`);
  return refusals.find((text) => of.some((name) => text.includes(name))) ?? refusals[0] ?? '';
}

/** The packet hook in three shapes: the first is for kernels since 6.2, the last for those before 5.10. */
export const packetPrograms = ['tw_egress_direct', 'tw_egress', 'tw_egress_full'] as const;

/** Parts of which none, some or all are left out, from best to least; `unix` is the newest (6.7). */
const partsLeftOut: readonly (readonly OptionalPart[])[] = [
  [],
  ['unix'],
  ['process'],
  ['create'],
  ['process', 'create'],
  ['unix', 'process'],
  ['unix', 'create'],
  ['unix', 'process', 'create'],
];

export interface Attempt {
  readonly packet: (typeof packetPrograms)[number];
  readonly missing: readonly OptionalPart[];
  /** Programs that are not loaded. */
  readonly without: readonly string[];
}

/** What is tried, in this order, until the kernel takes it. */
export const attempts: readonly Attempt[] = packetPrograms.flatMap((packet) =>
  partsLeftOut.map((missing) => ({
    packet,
    missing,
    without: [
      ...packetPrograms.filter((other) => other !== packet),
      ...missing.flatMap((part) => [...optionalParts[part].programs]),
    ],
  })),
);

/** Programs of a target's cgroup besides the packet hook, which is attached first: it is the authority. */
export const addressPrograms = [
  'tw_connect4',
  'tw_connect6',
  'tw_sendmsg4',
  'tw_sendmsg6',
  'tw_recvmsg4',
  'tw_recvmsg6',
  'tw_getpeername4',
  'tw_getpeername6',
  'tw_bind4',
  'tw_bind6',
] as const;

/** Judges what comes in by the machine's end of a target's link; only targets with a namespace have one. */
export const backstopProgram = 'tw_backstop';

/** Map sizes for an engine of one target; an agent takes those of bpf/maps.h. */
export const singleTargetSizes: Readonly<Record<string, number>> = {
  targets: 1,
  policies: 1,
  accounts: 1,
  kept: 1,
  cgroups: 1,
  names: 8192,
  name_texts: 8192,
  cidrs: 16384,
  learned: 16384,
  processes: 4096,
  parts: 64,
  askers: 4096,
  rows: 16384,
  told_rows: 16384,
  lookups: 1,
  labels: 1,
  events: 1 << 18,
  uplinks: 4,
  flows: 1024,
};
