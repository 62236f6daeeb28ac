/** Where policies come from: files of this host, or the API server. */
import type { Logger } from 'pino';
import type { Documents } from '../pods/pods.ts';
import { Bundle } from './bundle.ts';
import { fields } from './fields.ts';

export interface PolicySource {
  readonly documents: Documents;
  /** What it means for held pods that no binding governs them any more. */
  readonly released: 'keep' | 'deny';
  /** Is everything that there is to say in force? */
  isGood(): boolean;
  /** What keeps pods from being held, in sentences. */
  problems(): readonly string[];
  /** Does somebody want this node to be left? */
  leaving(): boolean;
  /** Follows changes until `stop`; with `bindings` pods may be governed that were not. */
  start(changed: (what: { readonly bindings: boolean }) => void): void;
  stop(): Promise<void>;
}

/** A file or folder of documents. */
export function sourceOfFiles(path: string, log: Logger): PolicySource {
  const bundle = new Bundle(path);
  bundle.read();
  if (bundle.problem) log.error(fields(bundle.problem), 'the bundle is not in force');
  let close = (): void => undefined;
  return {
    // An edit of files passes through states that nobody means.
    released: 'keep',
    documents: () => (bundle.isKnown ? bundle.documents : undefined),
    isGood: () => bundle.problem === undefined,
    problems: () => (bundle.problem === undefined ? [] : [bundle.problem.message]),
    leaving: () => false,
    start(changed) {
      close = bundle.watch(() => {
        if (bundle.problem) {
          const message = 'the changed bundle is not in force, the last good one stays';
          log.error(fields(bundle.problem), message);
          return;
        }
        changed({ bindings: true });
        log.info({ documents: bundle.documents.length }, 'the changed bundle is in force');
      });
    },
    async stop() {
      close();
    },
  };
}
