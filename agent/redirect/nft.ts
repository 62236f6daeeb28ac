/** Runs nft in a network namespace: one ruleset, one transaction. */
import { execFile } from 'node:child_process';
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';

/** A ruleset is small, and the kernel takes it at once; only a hung machine is slower. */
const PATIENCE_MS = 5_000;

/** @throws TW_REDIRECT_NFT (rejects) */
export function applyRules(netns: string, rules: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = [`--net=${netns}`, 'nft', '-f', '-'];
    const child = execFile('nsenter', args, { timeout: PATIENCE_MS }, (cause, _out, stderr) => {
      if (cause === null) return resolve();
      const reason = stderr.trim() || cause.message;
      reject(failure(errors.nft, { netns, reason }, cause));
    });
    // A child that died at once closes its input; its end is told above.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(rules);
  });
}
