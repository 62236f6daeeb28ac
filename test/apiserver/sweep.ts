/**
 * Removes API servers whose owner, a test run, has ended without doing so itself.
 *
 * @example node test/apiserver/sweep.ts
 */
import { sweepFolders } from './folder.ts';

for (const name of sweepFolders()) process.stdout.write(`removed ${name}\n`);
