/**
 * What is tried on every kernel, as rows of the table: each is shown by files of tests that stand elsewhere
 * and run there as they are. Where time is emulated, tests of a file that say nothing of a kernel are left out, and
 * what needs a minute or more is tried on the oldest and the newest.
 */

export interface TestFile {
  readonly path: string;
  /** Pattern of names: in a machine only these tests of the file run. */
  readonly only?: string;
  /** Pattern of names: in a machine these do not run. */
  readonly without?: string;
}

export interface Capability {
  readonly id: string;
  /** The cell at the head of its row. */
  readonly title: string;
  readonly files: readonly TestFile[];
  /** Suites of Debian, by name, where it is tried; everywhere without. */
  readonly machines?: readonly string[];
  /** Where it is tried besides, but in `make test`. */
  readonly others?: readonly string[];
  /** Only in a virtual machine: the host's kernel is not ours to change. */
  readonly guest?: true;
  /** Only with TORWACHT_KERNELS=all (make test-full): it takes many minutes where time is emulated. */
  readonly full?: true;
}

const kernel = (name: string, less: Omit<TestFile, 'path'> = {}): TestFile => ({
  path: `test/kernel/${name}.test.ts`,
  ...less,
});
const bypass = (name: string): TestFile => ({ path: `test/bypass/${name}.test.ts` });
const guest = (name: string): TestFile => ({ path: `test/kernels/guest/${name}.test.ts` });
/** The oldest and the newest, and those between them; another one is there for its hole alone. */
const ENDS = ['bullseye', 'sid'];
const BETWEEN = ['bookworm', 'trixie'];
/** Whose machine has systemd as its first program, and everything runs in a service. */
export const SYSTEMD = 'trixie';

export const capabilities: readonly Capability[] = [
  {
    id: 'programs',
    title: 'every program is loaded and attached',
    files: [guest('programs')],
  },
  {
    id: 'verdict',
    title: "the kernel's verdict is the oracle's",
    machines: ENDS,
    others: BETWEEN,
    files: [kernel('differential', { only: '^the verdict in C' }), kernel('egress')],
  },
  {
    id: 'hooks',
    title: 'every hook refuses and lets pass',
    machines: ENDS,
    others: BETWEEN,
    files: [kernel('hooks')],
  },
  {
    id: 'evidence',
    title: 'rows name the process',
    // Counts at the edges of maps are arithmetic.
    machines: ENDS,
    others: BETWEEN,
    files: [kernel('evidence', { without: 'no room|budget|full map|beyond' })],
  },
  {
    id: 'crash',
    title: 'holds through a crash; links are taken over',
    machines: ENDS,
    others: BETWEEN,
    files: [kernel('crash', { only: 'kill -9|takes the links over' })],
  },
  {
    id: 'backstop',
    title: 'backstop of a namespace of its own',
    machines: ENDS,
    others: BETWEEN,
    files: [kernel('backstop')],
  },
  {
    id: 'packets',
    title: 'packets made by hand are stopped',
    machines: ENDS,
    others: BETWEEN,
    files: [bypass('packets')],
  },
  {
    id: 'told',
    title: 'what it lacks is told; a newer helper is refused by name',
    files: [guest('kernel')],
    guest: true,
  },
  {
    id: 'systemd',
    title: 'below systemd and with systemd-resolved',
    files: [guest('systemd')],
    machines: [SYSTEMD],
    guest: true,
  },
  {
    id: 'redirect',
    title: 'redirect of port 53, by hooks and by nftables',
    files: [
      kernel('redirect', { without: 'flood' }),
      kernel('own-netns', { without: 'many links' }),
    ],
    machines: ENDS,
  },
  {
    id: 'doors',
    title: 'other families, devices and settings are closed',
    files: [bypass('doors')],
    machines: ENDS,
  },
  {
    id: 'bypass',
    title: 'the other bypasses are stopped',
    files: ['connections', 'names', 'agent', 'deputies', 'escapes', 'evidence'].map(bypass),
    full: true,
  },
];

/**
 * TORWACHT_KERNELS: `all` (make test-full), or some rows by their ids, or `wide` (make test-kernels): those that are not
 * `full`, wherever they are tried; else (make test) the same on fewer kernels.
 */
export function planned(wanted = process.env.TORWACHT_KERNELS ?? ''): readonly Capability[] {
  const usual = capabilities.filter(({ full }) => !full);
  if (wanted === '') return usual;
  if (wanted === 'wide') return usual.map(everywhere);
  const ids = wanted.split(',');
  return capabilities.filter(({ id }) => wanted === 'all' || ids.includes(id)).map(everywhere);
}

/** Is every row that is not `full` tried wherever it can be? */
export function isWide(wanted = process.env.TORWACHT_KERNELS ?? ''): boolean {
  return wanted === 'wide' || wanted === 'all';
}

function everywhere({ machines, others = [], ...rest }: Capability): Capability {
  return { ...rest, ...(machines && { machines: [...machines, ...others] }) };
}

/** Of a plan, what one machine tries. */
export const plannedFor = (suite: string, plan: readonly Capability[]): readonly Capability[] =>
  plan.filter(({ machines }) => machines?.includes(suite) ?? true);
