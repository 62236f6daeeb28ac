/** Where things of other kernels are, and what is kept from one run to the next. */
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
/** Packages, unpacked kernels, and what the machines said. */
export const KERNELS = join(ROOT, 'build/kernels');
