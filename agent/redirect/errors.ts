/** What can go wrong between a target's port 53 and its resolver. */

export const errors = {
  nft: {
    code: 'TW_REDIRECT_NFT',
    message: 'The redirect of port 53 cannot be set in {netns}: {reason}',
    hint: 'nftables with NAT is needed in the kernel (modules nf_tables, nft_chain_nat, nft_redir, nft_ct).',
    exit: 'host',
  },
} as const;
