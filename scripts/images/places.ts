/** Where images are made from, and where they go. */
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
export const BUILD = join(ROOT, 'build');
/** What `make images` leaves: a layout of OCI and an SBOM for each. */
export const IMAGES = join(BUILD, 'images');
