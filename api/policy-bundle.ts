/**
 * `PolicyBundle`: what agents hold, written by the operator alone. There are two forms in one kind, so that
 * an edit costs one small write for each binding that it changes, however many nodes there are:
 *
 * - the head of a RunnerBinding, with a stable name, lists the pieces that its pods need. Agents watch
 *   heads by the label `headLabel`;
 * - a piece is named after the SHA-256 of its content and never changes. Bindings share pieces.
 */
import * as z from 'zod';
import { clusterMetadataSchema } from './metadata.ts';
import { digest, referenceFields } from './reference.ts';
import { apiVersion } from './version.ts';

/** On heads, with the value `true`. */
export const headLabel = 'torwacht.io/bundle-head';

/**
 * ASCII characters. Within the object, quotes and backslashes are written with a backslash: even if the
 * content were nothing else, the object stays below 512 KiB.
 */
export const maxPieceContent = 240 * 1024;
export const maxPieces = 512;

/**
 * Characters of all packed pieces that a head brings along: some hundred policies. Every node is sent every
 * head, and again when its agent starts.
 */
export const maxBroughtContent = 16 * 1024;
export const maxBrought = 16;

const pieceContent = z
  .string()
  .min(2)
  .max(maxPieceContent)
  .regex(/^[\x20-\x7e]*$/, { error: 'must be printable ASCII' });

/** A rule that sees the value before, which zod has no word for. */
const sameBinding = {
  'x-kubernetes-validations': [
    { rule: 'self == oldSelf', message: 'a head stays the head of its binding' },
  ],
};

const headSchema = z.strictObject({
  binding: z
    .strictObject({
      namespace: referenceFields.namespace.meta(sameBinding),
      name: referenceFields.name.meta(sameBinding),
      generation: z.number().int().min(1).describe('Its generation that was compiled.'),
    })
    .describe('The RunnerBinding whose pods need this.'),
  digest: digest.describe(
    'SHA-256 of the digests of the pieces, in their order, each followed by a line feed. Nodes say by ' +
      'it what they hold.',
  ),
  pieces: z
    .array(digest)
    .min(1)
    .max(maxPieces)
    .describe('Digests of the pieces, which are the names of their objects.'),
  policies: z
    .number()
    .int()
    .min(0)
    .describe('How many EgressPolicies and ClusterEgressPolicies are in them.'),
  brings: z
    .array(
      z.strictObject({
        digest: digest.describe('The piece.'),
        packed: z
          .string()
          .min(2)
          .max(maxBroughtContent)
          .regex(/^[A-Za-z0-9+/]+={0,2}$/, { error: 'must be base64' })
          .describe('Its content, compressed (raw DEFLATE) and in base64.'),
      }),
    )
    .max(maxBrought)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .optional()
    .describe(
      'Small pieces that the head before did not name, so that nodes need not ask for them. Each is an object ' +
        'of its own as well; a node takes nothing whose digest is not among the pieces.',
    ),
  nodes: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe(
      'How many nodes there were when this was written. The more, the longer they take turns in saying that ' +
        'they hold it.',
    ),
});

const pieceSchema = z.strictObject({
  content: pieceContent
    .describe(
      'JSON text, ASCII only: a list of documents. The name of the object is the SHA-256 of this text.',
    )
    .meta({
      'x-kubernetes-validations': [
        { rule: 'self == oldSelf', message: 'a piece never changes: write another object' },
      ],
    }),
});

export const policyBundleSpecSchema = z
  .strictObject({
    head: headSchema.optional().describe('What a RunnerBinding needs, as a list of pieces.'),
    piece: pieceSchema.optional().describe('One piece.'),
  })
  .refine((spec) => (spec.head === undefined) !== (spec.piece === undefined), {
    error: 'must hold exactly one of head and piece',
    params: { hint: 'The operator writes these objects; leave them to it.' },
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'has(self.head) != has(self.piece)',
        message: 'must hold exactly one of head and piece',
      },
      {
        rule: 'has(self.head) == has(oldSelf.head)',
        message: 'a head stays a head, and a piece a piece',
      },
    ],
  });
export type PolicyBundleSpec = z.infer<typeof policyBundleSpecSchema>;
export type BundleHead = z.infer<typeof headSchema>;
export type BundlePiece = z.infer<typeof pieceSchema>;

export const policyBundleSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('PolicyBundle'),
  metadata: clusterMetadataSchema,
  spec: policyBundleSpecSchema,
});
export type PolicyBundle = z.infer<typeof policyBundleSchema>;
