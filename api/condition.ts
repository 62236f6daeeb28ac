/**
 * Conditions, as kstatus reads them: `Ready` says whether the last generation is in force, `Reconciling`
 * and `Stalled` exist only while they are True. `Ready` is Unknown from the first reconcile on, because an
 * object without it looks finished to Argo CD, Flux and `kubectl wait`.
 */
import * as z from 'zod';
import { mapList } from './list.ts';

/** In the order in which they are shown. */
export const conditionTypes = ['Ready', 'Reconciling', 'Stalled'] as const;
export type ConditionType = (typeof conditionTypes)[number];

/** `metav1.Condition`. */
export const conditionSchema = z.strictObject({
  type: z
    .string()
    .min(1)
    .max(316)
    .regex(/^[A-Z][A-Za-z0-9]*$/, { error: 'must be a word in CamelCase' })
    .describe('What is said: `Ready`, `Reconciling`, `Stalled`, or a word of the kind.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  observedGeneration: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('`metadata.generation` of the object that this was said about.'),
  lastTransitionTime: z.iso
    .datetime({ offset: true })
    .describe('When the status last became another.'),
  reason: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/, { error: 'must be a word in CamelCase' })
    .describe('Why, in one word for programs.'),
  message: z.string().max(4096).describe('Why, in a sentence for people.'),
});
export type Condition = z.infer<typeof conditionSchema>;

export const conditionsSchema = mapList(conditionSchema, ['type'])
  .max(16)
  .describe('What is so now, one entry for each type.');
