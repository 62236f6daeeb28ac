/** POSTs to an address that can change from one message to the next, since it may stand in a Secret. */
import { type Answer, answerOf } from '#delivery/answer.ts';
import { Poster } from '#delivery/post.ts';

export interface Posting {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Wall time, ms. */
  readonly now: number;
}

export class Posts {
  #url = '';
  #poster: Poster | undefined;

  async post({ url, headers, body, now }: Posting, signal: AbortSignal): Promise<Answer> {
    const parsed = URL.parse(url);
    if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') {
      return { kind: 'later', why: 'its address is no http:// or https:// URL' };
    }
    if (url !== this.#url || this.#poster === undefined) {
      this.close();
      this.#poster = new Poster(parsed);
      this.#url = url;
    }
    return answerOf(await this.#poster.post({ ...headers }, body, signal), now);
  }

  close(): void {
    this.#poster?.close();
    this.#poster = undefined;
  }
}
