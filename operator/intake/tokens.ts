/** Who calls: an agent by the token of its service account, on the node that the token was issued for. */
import { createHash } from 'node:crypto';
import { apiVersionOf, type Client, type Clock, type KubeObject, resource } from '#kube/index.ts';
import { RecentMap } from '../recent-map.ts';

/** What the token must have been issued for; no other service then takes it. */
export const AUDIENCE = 'torwacht-operator';

export interface Review {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly audiences?: readonly string[];
  readonly user?: {
    readonly username?: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

interface TokenReview extends KubeObject {
  readonly spec: { readonly token: string; readonly audiences: readonly string[] };
  readonly status?: Review;
}

export const tokenReviews = resource<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
});

/** Asks the API server. */
export function reviewer(client: Client): (token: string) => Promise<Review> {
  return async (token) => {
    const review = {
      apiVersion: apiVersionOf(tokenReviews),
      metadata: {} as KubeObject['metadata'],
      spec: { token, audiences: [AUDIENCE] },
    };
    return (await client.create(tokenReviews, review, { timeoutMs: 10_000 })).status ?? {};
  };
}

export type Verdict =
  | { readonly kind: 'agent'; readonly node: string }
  /** `forbidden`: it is a good token, of somebody else or of no node. */
  | { readonly kind: 'unknown' | 'forbidden'; readonly why: string };

export interface TokensParts {
  readonly review: (token: string) => Promise<Review>;
  readonly clock: Clock;
  /** Of the agents: `system:serviceaccount:torwacht:torwacht-agent`. */
  readonly account: string;
  readonly reviewed?: (outcome: Verdict['kind'] | 'failed') => void;
}

/** How long an answer holds, ms: a pod that is deleted loses its token so much later. */
const GOOD_FOR = 60_000;
const BAD_FOR = 10_000;
/** Tokens that are remembered. */
const REMEMBERED = 8192;
/** Claims of a bound token (KEP-4193); the API server has them since Kubernetes 1.30. */
const NODE = 'authentication.kubernetes.io/node-name';

export class Tokens {
  readonly #parts: TokensParts;
  /** By the digest of a token: no token is kept. */
  readonly #known = new RecentMap<string, { readonly verdict: Verdict; readonly until: number }>(
    REMEMBERED,
  );
  readonly #asking = new Map<string, Promise<Verdict>>();

  constructor(parts: TokensParts) {
    this.#parts = parts;
  }

  /** What is known of a token; undefined where the API server must be asked. */
  known(token: string): Verdict | undefined {
    const known = this.#known.get(digest(token));
    return known !== undefined && known.until > this.#parts.clock.monotonic()
      ? known.verdict
      : undefined;
  }

  /** Rejects where the API server does not answer. */
  async ask(token: string): Promise<Verdict> {
    const key = digest(token);
    const asking = this.#asking.get(key) ?? this.#review(key, token);
    this.#asking.set(key, asking);
    return await asking;
  }

  async #review(key: string, token: string): Promise<Verdict> {
    const { review, clock, reviewed } = this.#parts;
    try {
      const verdict = this.#judge(await review(token));
      reviewed?.(verdict.kind);
      const lasts = verdict.kind === 'agent' ? GOOD_FOR : BAD_FOR;
      this.#known.set(key, { verdict, until: clock.monotonic() + lasts });
      return verdict;
    } catch (error) {
      reviewed?.('failed');
      throw error;
    } finally {
      this.#asking.delete(key);
    }
  }

  #judge({ authenticated, audiences = [], user = {} }: Review): Verdict {
    if (authenticated !== true || !audiences.includes(AUDIENCE)) {
      return { kind: 'unknown', why: `this is no token for ${AUDIENCE}` };
    }
    const { account } = this.#parts;
    if (user.username !== account) return { kind: 'forbidden', why: `this is not ${account}` };
    const nodes = user.extra?.[NODE] ?? [];
    const [node] = nodes;
    if (node === undefined || nodes.length > 1) {
      return { kind: 'forbidden', why: 'this token was issued for no node' };
    }
    return { kind: 'agent', node };
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
