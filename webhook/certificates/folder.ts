/** Certificates that somebody else keeps, in a folder: a mounted Secret of cert-manager's. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '#api/error.ts';
import { factsOf } from '#kube/certificates/issue.ts';
import { type Clock, sleep } from '#kube/index.ts';
import { errors } from '../errors.ts';
import type { Pair } from '../server/server.ts';

export interface FolderOptions {
  readonly folder: string;
  readonly clock: Clock;
  use(pair: Pair): void;
  readonly failed?: (error: unknown) => void;
  /** ms; 5,000 unless told. The kubelet swaps the files a minute after the Secret. */
  readonly everyMs?: number;
}

export class FolderCertificates {
  readonly #options: FolderOptions;
  #shown = '';

  constructor(options: FolderOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, failed, everyMs = 5000 } = this.#options;
    while (!signal.aborted) {
      try {
        this.look();
      } catch (error) {
        failed?.(error);
      }
      await sleep(clock, everyMs, signal);
    }
  }

  /** @throws TW_WEBHOOK_CERTIFICATE, and what reading throws */
  look(): void {
    const { folder, use } = this.#options;
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    const pair = { certificate: read('tls.crt'), key: read('tls.key') };
    if (pair.certificate === this.#shown) return;
    if (factsOf(pair) === null) {
      throw failure(errors.certificate, { where: folder, reason: 'they do not belong together' });
    }
    use(pair);
    this.#shown = pair.certificate;
  }
}
