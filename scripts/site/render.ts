/** A page's text as HTML: headings with anchors, links as the site has them, tables that scroll by themselves. */
import { Marked, type Tokens } from 'marked';
import { htmlText } from '#api/escape.ts';
import type { Page } from './page.ts';

/** @param address of a link in the site; undefined where it can have none: then its text is left */
export function render(page: Page, address: (href: string) => string | undefined): string {
  const marked = new Marked({
    renderer: {
      heading(token: Tokens.Heading) {
        const anchor = page.headings.get(token)?.anchor ?? '';
        const text = this.parser.parseInline(token.tokens);
        const link = `<a class="anchor" href="#${anchor}" aria-label="Link to this heading">#</a>`;
        return `<h${token.depth} id="${anchor}">${text}${link}</h${token.depth}>\n`;
      },
      link({ href, tokens }: Tokens.Link) {
        const text = this.parser.parseInline(tokens);
        const to = address(href);
        return to === undefined ? text : `<a href="${htmlText(to)}">${text}</a>`;
      },
      table({ header, rows }: Tokens.Table) {
        const line = (cells: readonly Tokens.TableCell[], name: 'th' | 'td') => {
          const texts = cells.map(({ tokens }) => this.parser.parseInline(tokens));
          return `<tr>${texts.map((text) => `<${name}>${text}</${name}>`).join('')}</tr>`;
        };
        const body = rows.map((row) => line(row, 'td')).join('\n');
        const table = `<table>\n<thead>${line(header, 'th')}</thead>\n<tbody>${body}</tbody>\n</table>`;
        return `<div class="table">${table}</div>\n`;
      },
    },
  });
  return marked.parser(page.tokens);
}
