/** A Markdown file as data: its headings with the anchors that GitLab and GitHub give them, and its links. */
import { lexer, type Token, type Tokens, type TokensList, walkTokens } from 'marked';

export interface Heading {
  readonly depth: number;
  /** As a reader sees it, without marks. */
  readonly text: string;
  readonly anchor: string;
}

export interface Page {
  /** Path from the root of the repository, with `/`. */
  readonly path: string;
  readonly tokens: TokensList;
  readonly headings: ReadonlyMap<Tokens.Heading, Heading>;
  /** Targets of links and images, as they are written, with the line of the file, from 1. */
  readonly links: readonly { readonly href: string; readonly line: number }[];
}

export function parsePage(path: string, text: string): Page {
  const tokens = lexer(text);
  const headings = new Map<Tokens.Heading, Heading>();
  const links: { href: string; line: number }[] = [];
  const taken = new Map<string, number>();
  let line = 1;
  // Positions are known of blocks, not of what is in them.
  for (const block of tokens) {
    void walkTokens([block], (token) => {
      if (token.type === 'heading') {
        const heading = token as Tokens.Heading;
        const shown = plain(heading.tokens);
        headings.set(heading, { depth: heading.depth, text: shown, anchor: unique(shown, taken) });
      } else if (token.type === 'link' || token.type === 'image') {
        links.push({ href: (token as Tokens.Link).href, line });
      }
    });
    line += block.raw.split('\n').length - 1;
  }
  return { path, tokens, headings, links };
}

/** What is left of inline tokens without their marks. */
function plain(tokens: readonly Token[]): string {
  return tokens
    .map((token) =>
      'tokens' in token && token.tokens !== undefined
        ? plain(token.tokens)
        : 'text' in token
          ? String(token.text)
          : '',
    )
    .join('');
}

/** The anchor of a heading, by GitHub's rule: a second one of the same name gets `-1`, and so on. */
function unique(text: string, taken: Map<string, number>): string {
  const anchor = text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
  const before = taken.get(anchor);
  taken.set(anchor, (before ?? -1) + 1);
  return before === undefined ? anchor : `${anchor}-${before + 1}`;
}
