/** Which kernels are tried besides the host's own: the newest of these suites of Debian. */

export interface DebianSuite {
  readonly name: string;
  /** What the version of its kernel begins with; sid has whatever is newest. */
  readonly series: string | undefined;
  /** Its security updates are a suite of their own, in an archive of their own. */
  readonly security: boolean;
}

export const debianSuites: readonly DebianSuite[] = [
  { name: 'bullseye', series: '5.10.', security: true },
  { name: 'bookworm', series: '6.1.', security: true },
  { name: 'trixie', series: '6.12.', security: true },
  { name: 'sid', series: undefined, security: false },
];
