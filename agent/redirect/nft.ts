/** Puts our table into a network namespace: one transaction, by netlink. */
import { failure } from '#api/error.ts';
import { native } from '#bpf/native.ts';
import { errors } from './errors.ts';
import type { Chain } from './rules.ts';
import { rulesetBytes } from './ruleset-bytes.ts';

/** @throws TW_REDIRECT_NFT */
export function applyRules(netns: string, chains: readonly Chain[]): void {
  try {
    native().netfilterBatch(netns, rulesetBytes(chains));
  } catch (cause) {
    throw failure(errors.nft, { netns, reason: (cause as Error).message }, cause);
  }
}
