/** `metav1.LabelSelector`: everything that it says must hold; an empty one selects everything. */
import * as z from 'zod';
import { setList } from './list.ts';

const maxLabels = 32;
const keyPattern =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*[/])?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** A prefix of at most 253 characters, a slash, a name of at most 63. */
const labelKey = z
  .string()
  .min(1)
  .max(317)
  .regex(keyPattern, { error: 'is not the key of a label' });

const labelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, { error: 'is not the value of a label' });

/** Labels with their values, at most 32. */
export const labelsSchema = z
  .record(labelKey, labelValue)
  .refine((labels) => Object.keys(labels).length <= maxLabels, {
    error: `must not hold more than ${maxLabels} labels`,
    params: { hint: 'Name fewer labels: all of them must be there.' },
  })
  .meta({
    maxProperties: maxLabels,
    'x-kubernetes-validations': [
      {
        rule: `self.all(key, key.matches('${keyPattern.source}'))`,
        message: 'is not the key of a label',
      },
      {
        rule: 'self.all(key, size(key) <= 317)',
        message: 'the key of a label has at most 317 characters',
      },
    ],
  });

const expressionSchema = z
  .strictObject({
    key: labelKey.describe('Key of the label.'),
    operator: z
      .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
      .describe('How the label is compared with the values.'),
    values: setList(labelValue)
      .min(1)
      .max(64)
      .optional()
      .describe('With In and NotIn, and only with them.'),
  })
  .refine(
    (expression) => expression.operator.endsWith('In') === (expression.values !== undefined),
    {
      error: 'values go with In and NotIn, and only with them',
      params: { hint: 'Write the values under In or NotIn; Exists and DoesNotExist take none.' },
    },
  )
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "self.operator.endsWith('In') == has(self.values)",
        message: 'values go with In and NotIn, and only with them',
      },
    ],
  });

export const labelSelectorSchema = z.strictObject({
  matchLabels: labelsSchema
    .optional()
    .describe('Labels that must be there with just these values.'),
  matchExpressions: z
    .array(expressionSchema)
    .max(32)
    .optional()
    .describe('What else must hold of labels.'),
});
export type LabelSelector = z.infer<typeof labelSelectorSchema>;
