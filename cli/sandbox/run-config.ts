/**
 * /etc/torwacht/run.yaml: what root decided for commands that it runs for other users. Shaped like the
 * other documents of torwacht.io/v1alpha1; it is never sent to a cluster.
 */
import { LineCounter, parseDocument } from 'yaml';
import * as z from 'zod';

import { failure } from '#api/error.ts';

import { errors } from './errors.ts';
import { noOpenings, type Openings } from './openings.ts';

const runConfigSchema = z.strictObject({
  apiVersion: z.literal('torwacht.io/v1alpha1'),
  kind: z.literal('RunConfig'),
  metadata: z.strictObject({ name: z.string() }).optional(),
  spec: z.strictObject({
    /** File or folder of policy documents, absolute. */
    policy: z.string().startsWith('/'),
    allow: z
      .strictObject({
        read: z.array(z.string().startsWith('/')),
        write: z.array(z.string().startsWith('/')),
        sockets: z.array(z.string().startsWith('/')),
        capabilities: z.array(z.string()),
        families: z.array(z.string()),
        ioUring: z.boolean(),
        userNamespaces: z.boolean(),
      })
      .partial()
      .default({}),
    /** Names or numbers of users who may choose policy and flags themselves. */
    trustedUsers: z.array(z.union([z.string(), z.number().int()])).default([]),
  }),
});

export interface RunConfig {
  readonly path: string;
  readonly policy: string;
  readonly openings: Openings;
  readonly trustedUsers: readonly string[];
}

/** @throws TW_RUN_CONFIG with line and column */
export function parseRunConfig(text: string, path: string): RunConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fail = (offset: number, problem: string) => {
    const { line, col } = lines.linePos(offset);
    return failure(errors.badConfig, { path, line, column: col, problem });
  };
  const [broken] = document.errors;
  if (broken !== undefined) throw fail(broken.pos[0], broken.message);
  const parsed = runConfigSchema.safeParse(document.toJS());
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = (issue?.path ?? []).filter((part) => typeof part !== 'symbol');
    throw fail(offsetOf(document, at), `${at.join('.') || 'document'}: ${issue?.message}`);
  }
  const { policy, allow, trustedUsers } = parsed.data.spec;
  return {
    path,
    policy,
    trustedUsers: trustedUsers.map(String),
    openings: {
      allowRead: allow.read ?? noOpenings.allowRead,
      allowWrite: allow.write ?? noOpenings.allowWrite,
      allowSocket: allow.sockets ?? noOpenings.allowSocket,
      allowCap: allow.capabilities ?? noOpenings.allowCap,
      allowFamily: allow.families ?? noOpenings.allowFamily,
      allowIoUring: allow.ioUring ?? noOpenings.allowIoUring,
      allowUserNamespaces: allow.userNamespaces ?? noOpenings.allowUserNamespaces,
    },
  };
}

/** Where the nearest part of the document that exists begins. */
function offsetOf(
  document: ReturnType<typeof parseDocument>,
  path: readonly (string | number)[],
): number {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    const range = (node as { range?: readonly number[] } | undefined)?.range;
    if (range?.[0] !== undefined) return range[0];
  }
  return 0;
}
