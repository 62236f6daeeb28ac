/** For tests: a policy as a table of names. */
import type { NameVerdict } from '#policy/types.ts';
import type { Judge } from '../decide.ts';

export type TestVerdict = 'allowed' | 'private' | 'deny-rule' | 'doh' | 'metadata';

/** Names that are not in the table are denied by default; a name `*` stands for all of those. */
export function judgeBy(table: Readonly<Record<string, TestVerdict>>): Judge {
  const names = Object.keys(table);
  return (name): NameVerdict => {
    const found = table[name] ?? table['*'];
    const allowed = found === 'allowed' || found === 'private';
    return {
      allowed,
      rule: found === undefined ? 0 : names.indexOf(name in table ? name : '*') + 1,
      reason: allowed ? 'allowed' : (found ?? 'default'),
      private: found === 'private',
      permissions: [],
    };
  };
}
