/**
 * What is tried on every kernel, as rows of the table: each is shown by files of tests that stand elsewhere
 * and run there as they are.
 */

export interface Capability {
  readonly id: string;
  /** The cell at the head of its row. */
  readonly title: string;
  readonly files: readonly string[];
  /** Only in a virtual machine: the host's kernel is not ours to change. */
  readonly guest?: true;
  /** Only with TORWACHT_KERNELS=all (make test-full): it takes minutes where time is emulated.  */
  readonly full?: true;
}

const kernel = (name: string) => `test/kernel/${name}.test.ts`;
const bypass = (name: string) => `test/bypass/${name}.test.ts`;

export const capabilities: readonly Capability[] = [
  {
    id: 'verdict',
    title: "the kernel's verdict is the oracle's",
    files: [kernel('differential'), kernel('egress')],
  },
  { id: 'hooks', title: 'every hook refuses and lets pass', files: [kernel('hooks')] },
  { id: 'evidence', title: 'rows name the process', files: [kernel('evidence')] },
  { id: 'crash', title: 'holds through a crash; links are taken over', files: [kernel('crash')] },
  { id: 'backstop', title: 'backstop of a namespace of its own', files: [kernel('backstop')] },
  { id: 'packets', title: 'packets made by hand are stopped', files: [bypass('packets')] },
  {
    id: 'told',
    title: 'what it lacks is told; a newer helper is refused by name',
    files: ['test/kernels/guest/kernel.test.ts'],
    guest: true,
  },
  { id: 'redirect', title: 'redirect of port 53', files: [kernel('redirect')], full: true },
  {
    id: 'own-netns',
    title: 'a network namespace of its own',
    files: [kernel('own-netns')],
    full: true,
  },
  {
    id: 'bypass',
    title: 'the other bypasses are stopped',
    files: ['doors', 'connections', 'names', 'agent', 'deputies', 'escapes', 'evidence'].map(
      bypass,
    ),
    full: true,
  },
];

/** TORWACHT_KERNELS: `all` (make test-full), or some rows by their ids; else those that are not `full`. */
export function planned(wanted = process.env.TORWACHT_KERNELS ?? ''): readonly Capability[] {
  if (wanted === '') return capabilities.filter(({ full }) => !full);
  const ids = wanted.split(',');
  return capabilities.filter(({ id }) => wanted === 'all' || ids.includes(id));
}
