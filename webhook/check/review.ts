/** AdmissionReview v1, as the API server sends it, and what is asked in it. */
import * as z from 'zod';
import type { PodRequest } from './asked.ts';
import { podSchema } from './pod.ts';

const text = z.string().max(1024);

const reviewSchema = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string().min(1).max(128),
    resource: z.object({ group: text, version: text, resource: text }),
    subResource: text.optional(),
    operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    name: text.optional(),
    namespace: text.optional(),
    userInfo: z.object({
      username: z.string().max(4096).default(''),
      groups: z.array(z.string()).default([]),
    }),
    object: z.unknown(),
    oldObject: z.unknown(),
  }),
});
export type Review = z.infer<typeof reviewSchema>['request'];

/** Null where it is none: what sent it is no API server, or a newer one than we know. */
export function parseReview(body: unknown): Review | null {
  const parsed = reviewSchema.safeParse(body);
  return parsed.success ? parsed.data.request : null;
}

const metadataSchema = z.looseObject({ metadata: podSchema.shape.metadata });

export type PodQuestion =
  | { readonly request: PodRequest }
  /** Nothing that is checked. */
  | { readonly request: null }
  /** No pod, though it should be one. */
  | { readonly malformed: string };

/** @example const question = podQuestion(review); if ('malformed' in question) refuse(); */
export function podQuestion(review: Review): PodQuestion {
  const { subResource = '', operation, namespace = '', userInfo: user } = review;
  const always = { namespace, user };
  const what = `${operation} ${subResource}`.trim();
  switch (what) {
    case 'CONNECT exec':
    case 'CONNECT attach':
      return { request: { ...always, phase: 'connect' } };
    case 'CREATE binding':
      return parsed(metadataSchema, review.object, ({ metadata }) => ({
        ...always,
        phase: 'bind',
        said: metadata,
      }));
    case 'CREATE':
      return parsed(podSchema, review.object, (pod) => ({ ...always, phase: 'create', pod }));
    case 'UPDATE ephemeralcontainers':
      return parsed(podSchema, review.object, (pod) => ({ ...always, phase: 'ephemeral', pod }));
    case 'UPDATE':
    case 'UPDATE status':
    case 'UPDATE resize':
      return parsed(
        z.object({ pod: podSchema, before: podSchema }),
        { pod: review.object, before: review.oldObject },
        (both) => ({ ...always, phase: 'update', ...both }),
      );
    default:
      return { request: null };
  }
}

function parsed<T>(
  schema: z.ZodType<T>,
  value: unknown,
  make: (value: T) => PodRequest,
): PodQuestion {
  const result = schema.safeParse(value);
  if (result.success) return { request: make(result.data) };
  const [issue] = result.error.issues;
  return { malformed: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` };
}
