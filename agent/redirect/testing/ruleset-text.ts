/** Our table as nft(8) reads it: what the bytes for the kernel are compared with. */
import { formatAddress } from '#policy/cidr.ts';
import { type Chain, type Match, type Rule, TABLE, type Verdict } from '../rules.ts';

/** The table written anew in one transaction. */
export function rulesetText(chains: readonly Chain[]): string {
  const table = `table inet ${TABLE}`;
  return `${table}\ndelete ${table}\n${table} {\n${chains.map(chainText).join('')}}\n`;
}

function chainText({ name, type, priority, rules }: Chain): string {
  return `  chain ${name} {
    type ${type} hook ${name} priority ${priority}; policy accept;
${rules.map((rule) => `    ${ruleText(rule)}\n`).join('')}  }
`;
}

function ruleText({ matches, verdict }: Rule): string {
  return [...matches.map(matchText), verdictText(verdict)].join(' ');
}

function matchText(match: Match): string {
  if ('port' in match) return `${match.protocol} dport ${match.port}`;
  if ('link' in match) return `iifname ${match.is ? '' : '!= '}${JSON.stringify(match.link)}`;
  return 'ct status & dnat != dnat';
}

function verdictText(verdict: Verdict): string {
  if (typeof verdict === 'string') return verdict;
  if ('redirect' in verdict) return `redirect to :${verdict.redirect}`;
  return `dnat ip to ${formatAddress(verdict.address)}:${verdict.port}`;
}
