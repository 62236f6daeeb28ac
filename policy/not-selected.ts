/** Documents that are about other targets: which, and for whom they are. */
import type { TorwachtDocument } from '#api/documents.ts';
import type { Selector } from '#api/egress-policy.ts';
import { quoted } from './problem.ts';
import { selects } from './select.ts';
import { documentTitle } from './title.ts';
import type { Identity } from './types.ts';

export interface NotSelected {
  readonly title: string;
  /** @example 'only for job deploy (given: no job)' */
  readonly why: string;
}

export function notSelected(
  documents: readonly TorwachtDocument[],
  identity: Identity,
): readonly NotSelected[] {
  return documents.flatMap((document) => {
    if (document.kind === 'RunnerBinding') return [];
    const { selector } = document.spec;
    if (selector === undefined || selects(selector, identity)) return [];
    return [{ title: documentTitle(document), why: whyNot(selector, identity) }];
  });
}

function whyNot(selector: Selector, identity: Identity): string {
  const wanted: string[] = [];
  const given: string[] = [];
  for (const [what, list] of [
    ['project', selector.projects],
    ['job', selector.jobs],
  ] as const) {
    if (list === undefined || selects({ [`${what}s`]: list }, identity)) continue;
    wanted.push(`${what} ${listed(list)}`);
    const own = identity[what];
    given.push(own === undefined ? `no ${what}` : `${what} ${shownWord(own)}`);
  }
  return `only for ${wanted.join(' and ')} (given: ${given.join(', ')})`;
}

/** Words of one selector that are shown. */
const MAX_SHOWN = 5;

function listed(words: readonly string[]): string {
  const more = words.length - MAX_SHOWN;
  const shown = words.slice(0, MAX_SHOWN).map(shownWord).join(' or ');
  return more > 0 ? `${shown} or ${more} more` : shown;
}

/** Names of jobs are whatever someone wrote. */
function shownWord(text: string): string {
  return /^[\w*./:-]{1,80}$/.test(text) ? text : quoted(text);
}
