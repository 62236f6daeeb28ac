/** The menu of the site: the headings of docs/README.md, each with the pages of the table below it. */
import { posix } from 'node:path';
import type { Tokens } from 'marked';
import type { Page } from './page.ts';

export interface Group {
  readonly heading: string;
  readonly entries: readonly { readonly title: string; readonly path: string }[];
}

/** @param pages by path; an entry has the title of its page */
export function menuOf(index: Page, pages: ReadonlyMap<string, Page>): readonly Group[] {
  const groups: { heading: string; entries: { title: string; path: string }[] }[] = [];
  for (const token of index.tokens) {
    const heading = token.type === 'heading' ? index.headings.get(token as Tokens.Heading) : null;
    if (heading?.depth === 2) groups.push({ heading: heading.text, entries: [] });
    if (token.type !== 'table') continue;
    for (const [first] of (token as Tokens.Table).rows) {
      const link = first?.tokens.find(({ type }) => type === 'link') as Tokens.Link | undefined;
      if (link === undefined) continue;
      const path = posix.join(posix.dirname(index.path), link.href);
      const page = pages.get(path);
      if (page !== undefined) groups.at(-1)?.entries.push({ title: titleOf(page), path });
    }
  }
  return groups.filter(({ entries }) => entries.length > 0);
}

/** Its first heading. */
export function titleOf(page: Page): string {
  const [first] = page.headings.values();
  return first?.text ?? page.path;
}
