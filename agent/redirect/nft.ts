/** Puts our table into a network namespace: one transaction, by netlink. */
import { failure } from '#api/error.ts';
import { native } from '#bpf/native.ts';
import { errors } from './errors.ts';
import type { Chain } from './rules.ts';
import { rulesetBytes } from './ruleset-bytes.ts';

/** @throws TW_REDIRECT_NFT (rejects) */
export async function applyRules(netns: string, chains: readonly Chain[]): Promise<void> {
  try {
    await write(netns, chains);
  } catch (cause) {
    throw failure(errors.nft, { netns, reason: (cause as Error).message }, cause);
  }
}

/**
 * Where something is deleted, the kernel waits until no packet reads it any more: ten milliseconds and more,
 * that a pod which starts must not wait for. So nothing is, unless there is a table already.
 */
async function write(netns: string, chains: readonly Chain[]): Promise<void> {
  try {
    await native().netfilterBatch(netns, rulesetBytes(chains, true));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await native().netfilterBatch(netns, rulesetBytes(chains, false));
  }
}
