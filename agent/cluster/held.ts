/** What a node holds of one binding, as it is kept on disk. */
import * as z from 'zod';
import { maxBindings } from '#api/node-agent.ts';
import { maxPieces } from '#api/policy-bundle.ts';
import { digest, type Reference, referenceFields } from '#api/reference.ts';

export const heldHeadSchema = z.strictObject({
  ...referenceFields,
  generation: z.number().int().min(1),
  digest,
  pieces: z.array(digest).min(1).max(maxPieces),
  /** Whose pods it governs: known also where a piece cannot be read any more. */
  namespaces: z.array(referenceFields.namespace),
});
export type HeldHead = z.infer<typeof heldHeadSchema>;

export const heldFileSchema = z.strictObject({
  node: z.string().min(1).max(253),
  heads: z.array(heldHeadSchema).max(maxBindings),
});

/** @example referenceKey({ namespace: 'ci', name: 'runners' }) === 'ci/runners' */
export function referenceKey({ namespace, name }: Reference): string {
  return `${namespace}/${name}`;
}
