/** Links between the files of the repository: where each leads, and which lead nowhere. */
import { posix } from 'node:path';
import type { Page } from './page.ts';

/** Something else than a path: `https:`, `mailto:`. */
export const elsewhere = /^[a-z][a-z0-9+.-]*:/i;

/** The path from the root that a link on a page is about, and its anchor; a link to the page itself has its path. */
export function resolve(page: string, href: string): { path: string; anchor: string | undefined } {
  const [target = '', anchor] = href.split('#', 2);
  const path = target === '' ? page : posix.join(posix.dirname(page), decodeURIComponent(target));
  return { path: path.replace(/\/$/, ''), anchor };
}

/**
 * One sentence for each link that leads nowhere. `exists` is asked about paths from the root, files and folders.
 * What leads out of the repository is looked at for its form alone: nothing is fetched.
 */
export function deadLinks(
  pages: readonly Page[],
  exists: (path: string) => boolean,
): readonly string[] {
  const byPath = new Map(pages.map((page) => [page.path, page]));
  return pages.flatMap((page) =>
    page.links.flatMap(({ href, line }) => {
      const reason = dead(page.path, href, byPath, exists);
      return reason === undefined ? [] : [`${page.path}:${line}: ${href} ${reason}`];
    }),
  );
}

function dead(
  from: string,
  href: string,
  pages: ReadonlyMap<string, Page>,
  exists: (path: string) => boolean,
): string | undefined {
  if (elsewhere.test(href)) {
    if (!/^https?:/.test(href)) return 'is neither a path nor http';
    return URL.canParse(href) ? undefined : 'is no URL';
  }
  if (href.startsWith('/')) return 'begins at the root of a host, which nobody knows';
  const { path, anchor } = resolve(from, href);
  if (path.startsWith('..')) return 'leads out of the repository';
  if (!exists(path)) return 'does not exist';
  if (anchor === undefined) return undefined;
  const target = pages.get(path);
  if (target === undefined) return 'has an anchor and is no page';
  const anchors = [...target.headings.values()].map((heading) => heading.anchor);
  return anchors.includes(anchor) ? undefined : `names no heading of ${path}`;
}
