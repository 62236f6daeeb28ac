/** What can go wrong between a target's port 53 and its resolver. */

export const errors = {
  nft: {
    code: 'TW_REDIRECT_NFT',
    message: 'The redirect of port 53 cannot be set in {netns}: {reason}',
    hint: 'nftables with NAT is needed (kernel modules nf_tables and nft_redir, the program nft, util-linux).',
    exit: 'host',
  },
} as const;
