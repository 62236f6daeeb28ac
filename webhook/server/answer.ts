/** Reviews in, reviews out: what is asked on each path, and the answer as the API server wants it. */
import type { Operation } from 'fast-json-patch';
import { decide, decideOutside } from '../check/decide.ts';
import { type Problem, refusalText } from '../check/refusal.ts';
import { podQuestion, type Review } from '../check/review.ts';
import { injection } from '../inject.ts';
import type { paths } from '../manifests/webhooks.ts';
import { judgeObject } from '../objects/judge.ts';
import type { World } from '../objects/world.ts';

export type Hook = keyof typeof paths;

export interface Answering {
  readonly world: World;
  /** What becomes of a runner's pod in a namespace that nobody labelled. */
  readonly outside: 'refuse' | 'report';
}

/** What is answered, before it is wrapped. */
export interface Answer {
  readonly allowed: boolean;
  /** Of the first problem; for metrics. */
  readonly code: string | null;
  readonly message?: string;
  readonly warnings?: readonly string[];
  readonly patch?: readonly Operation[];
}

const allowed: Answer = { allowed: true, code: null };

export const answers: Readonly<Record<Hook, (review: Review, by: Answering) => Answer>> = {
  pods(review, { world }) {
    const question = podQuestion(review);
    if ('malformed' in question) return malformed(question.malformed);
    if (question.request === null) return allowed;
    return refusal(decide(question.request, world.bindings(question.request.namespace)).problems);
  },
  outside(review, { outside }) {
    const question = podQuestion(review);
    if ('malformed' in question) return malformed(question.malformed);
    if (question.request === null) return allowed;
    const answer = refusal(decideOutside(question.request).problems);
    if (answer.allowed || outside === 'refuse') return answer;
    return { allowed: true, code: answer.code, warnings: [answer.message ?? ''] };
  },
  objects(review, { world }) {
    if (review.operation !== 'CREATE' && review.operation !== 'UPDATE') return allowed;
    const { message, warnings } = judgeObject(review.object, review.oldObject, world);
    if (message === null) return { ...allowed, warnings };
    return { allowed: false, code: 'TW_ADMIT_OBJECT', message, warnings };
  },
  inject(review, { world }) {
    const question = podQuestion(review);
    if ('malformed' in question || question.request?.phase !== 'create') return allowed;
    const { request } = question;
    const patch = injection(request, review.object as object, world.bindings(request.namespace));
    return patch.length === 0 ? allowed : { ...allowed, patch };
  },
};

function refusal(problems: readonly Problem[]): Answer {
  const [first] = problems;
  if (first === undefined) return allowed;
  return { allowed: false, code: first.code, message: refusalText(problems) };
}

function malformed(where: string): Answer {
  return refusal([
    {
      code: 'TW_ADMIT_MALFORMED',
      sentence: `it is no pod as this version of Torwacht knows it (${where})`,
      hint: 'Tell the platform team: Kubernetes may be newer than Torwacht.',
    },
  ]);
}

/** Texts that a response may have beside the message; kubectl prints 256 characters of each. */
const MAX_WARNINGS = 16;

export function responseOf(uid: string, answer: Answer): object {
  const { allowed: yes, code, message, warnings = [], patch } = answer;
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: yes,
      ...(message === undefined ? {} : { status: { code: 403, reason: 'Forbidden', message } }),
      ...(warnings.length === 0 ? {} : { warnings: warnings.slice(0, MAX_WARNINGS) }),
      ...(code === null ? {} : { auditAnnotations: { code } }),
      ...(patch === undefined
        ? {}
        : {
            patchType: 'JSONPatch',
            patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
          }),
    },
  };
}
