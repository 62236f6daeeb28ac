/** How objects name each other, and the digests by which contents are named. */
import * as z from 'zod';
import { namespaceName, objectName } from './metadata.ts';

/** Lower-case hex SHA-256. */
export const digest = z
  .string()
  .length(64)
  .regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 in lower-case hex' });

const reference = {
  namespace: namespaceName.describe('Its namespace.'),
  name: objectName.describe('Its name.'),
};

export const referenceSchema = z.strictObject(reference);
export type Reference = z.infer<typeof referenceSchema>;

/** Keys of a list with one entry for each object. */
export const byReference = Object.keys(reference);

/** The fields of a reference, for entries that say more about the object than its name. */
export const referenceFields = reference;
