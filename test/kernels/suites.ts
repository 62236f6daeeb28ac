/**
 * Which kernels are tried besides the host's own: the newest of these suites of Debian, and one that stays as
 * it is because it has a hole that all the others have closed.
 */

export interface DebianSuite {
  readonly name: string;
  /** What the version of its kernel begins with; sid has whatever is newest. */
  readonly series: string | undefined;
  /** Its security updates are a suite of their own, in an archive of their own. */
  readonly security: boolean;
}

/** One exact version, known by the digests of its packages. */
export interface PinnedKernel {
  readonly name: string;
  readonly version: string;
  /** Paths below an archive of Ubuntu, with their SHA-256. */
  readonly files: Readonly<Record<string, string>>;
}

export type KernelSource = DebianSuite | PinnedKernel;

export const debianSuites: readonly DebianSuite[] = [
  { name: 'bullseye', series: '5.10.', security: true },
  { name: 'bookworm', series: '6.1.', security: true },
  { name: 'trixie', series: '6.12.', security: true },
  { name: 'sid', series: undefined, security: false },
];

const HWE = 'pool/main/l/linux-hwe-5.13';
const RELEASE = '5.13.0-21-generic_5.13.0-21.21~20.04.1_amd64.deb';

/**
 * Of October 2021: the last with types of its own (BTF) that is still distributed and loses sockets to
 * net_cls. Debian's 5.10 took over the fix (8520e224f547).
 */
export const tagged: PinnedKernel = {
  name: 'focal',
  version: '5.13.0-21.21~20.04.1',
  files: {
    [`${HWE}/linux-image-unsigned-${RELEASE}`]:
      '89528e999e57678089de878cfa2e4191bbe3b4e58f79095e320ad3b16915d0e7',
    [`${HWE}/linux-modules-${RELEASE}`]:
      '65355bba848f544c08a37610ffe6899b5afef08cac449fe39e87c67cc3edebf2',
  },
};

/** In the order of the table. */
export const kernelSources: readonly KernelSource[] = [
  ...debianSuites.slice(0, 1),
  tagged,
  ...debianSuites.slice(1),
];
