/**
 * The pages of the repository as a site of plain files: no script, nothing from elsewhere.
 *
 * @example
 * for (const [path, text] of site({ pages: sources() })) writeFileSync(join('build/site', path), text);
 */
import { posix } from 'node:path';
import { elsewhere, resolve } from './links.ts';
import { menuOf } from './menu.ts';
import type { Page } from './page.ts';
import { render } from './render.ts';
import { frame, style } from './template.ts';

export interface SiteOptions {
  readonly pages: readonly Page[];
  /** Where files that are no pages can be seen, with `/` at its end; without it links to them are text. */
  readonly repository?: string | undefined;
}

const ENTRY = 'README.md';
const INDEX = 'docs/README.md';

/** Files by their path in the site. Pages that cannot be reached from the README are left out. */
export function site({ pages, repository }: SiteOptions): ReadonlyMap<string, string> {
  const reached = reachable(new Map(pages.map((page) => [page.path, page])));
  const index = reached.get(INDEX);
  if (index === undefined) throw new Error(`${INDEX} cannot be reached from ${ENTRY}`);
  const menu = menuOf(index, reached);
  const files = new Map<string, string>([['style.css', style]]);
  for (const page of reached.values()) {
    const body = render(page, (href) => address(page.path, href, reached, repository));
    files.set(fileOf(page.path), frame({ page, body, menu, link: linker(page.path) }));
  }
  return files;
}

/** Where a page is in the site. A folder's README is what its address shows. */
function fileOf(path: string): string {
  return path.replace(/(^|\/)README\.md$/, '$1index.html').replace(/\.md$/, '.html');
}

/** From a page to other files of the site. */
function linker(from: string): (path: string) => string {
  const folder = posix.dirname(fileOf(from));
  return (path) => posix.relative(folder, fileOf(path));
}

function reachable(all: ReadonlyMap<string, Page>): ReadonlyMap<string, Page> {
  const reached = new Map<string, Page>();
  const open = [ENTRY];
  for (const path of open) {
    const page = all.get(path);
    if (page === undefined || reached.has(path)) continue;
    reached.set(path, page);
    const paths = page.links
      .filter(({ href }) => !elsewhere.test(href))
      .map(({ href }) => pageAt(resolve(path, href).path, all));
    open.push(...paths);
  }
  return reached;
}

/** A folder is its README, where it has one. */
function pageAt(path: string, all: ReadonlyMap<string, Page>): string {
  const readme = posix.join(path, 'README.md');
  return !all.has(path) && all.has(readme) ? readme : path;
}

function address(
  from: string,
  href: string,
  pages: ReadonlyMap<string, Page>,
  repository: string | undefined,
): string | undefined {
  if (elsewhere.test(href)) return href;
  const { path, anchor } = resolve(from, href);
  const page = pageAt(path, pages);
  if (!pages.has(page)) return repository === undefined ? undefined : `${repository}${path}`;
  const fragment = anchor === undefined ? '' : `#${anchor}`;
  return `${page === from && fragment !== '' ? '' : linker(from)(page)}${fragment}`;
}
