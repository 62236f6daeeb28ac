/** What stands around the text of a page, and how it looks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { htmlText } from '#api/escape.ts';
import { type Group, titleOf } from './menu.ts';
import type { Page } from './page.ts';

export const style = readFileSync(join(import.meta.dirname, 'style.css'), 'utf8');

export interface Frame {
  readonly page: Page;
  /** HTML. */
  readonly body: string;
  readonly menu: readonly Group[];
  /** The address of a page, or of a file of the site, from this page. */
  readonly link: (path: string) => string;
}

export function frame({ page, body, menu, link }: Frame): string {
  const title = titleOf(page);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'">
<title>${htmlText(title === 'Torwacht' ? title : `${title} - Torwacht`)}</title>
<link rel="stylesheet" href="${link('style.css')}">
</head>
<body>
<a class="skip" href="#text">To the text</a>
<nav aria-label="Pages">
<a class="home" href="${link('README.md')}">Torwacht</a>
${menu.map((group) => section(group, page, link)).join('\n')}
</nav>
<main id="text">
${contents(page)}${body}</main>
</body>
</html>
`;
}

function section({ heading, entries }: Group, page: Page, link: Frame['link']): string {
  const items = entries.map(({ title, path }) => {
    const here = path === page.path ? ' aria-current="page"' : '';
    return `<li><a href="${link(path)}"${here}>${htmlText(title)}</a></li>`;
  });
  return `<h2>${htmlText(heading)}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
}

/** What is on the page; short ones need none. */
function contents(page: Page): string {
  const parts = [...page.headings.values()].filter(({ depth }) => depth === 2);
  if (parts.length < 4) return '';
  const items = parts.map(
    ({ text, anchor }) => `<li><a href="#${anchor}">${htmlText(text)}</a></li>`,
  );
  return `<details class="contents">\n<summary>On this page</summary>\n<ul>\n${items.join('\n')}\n</ul>\n</details>\n`;
}
