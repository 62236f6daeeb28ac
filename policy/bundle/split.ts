/**
 * Documents cut into pieces, so that an edit changes few of them: where a piece ends hangs on the names of the
 * documents and not on what they say or on how many stand before them.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { maxPieceContent, maxPieces } from '#api/policy-bundle.ts';
import { documentTitle } from '../title.ts';
import { canonical, sha256 } from './content.ts';

export interface Piece {
  /** SHA-256 of the content. */
  readonly digest: string;
  readonly content: string;
}

/** Characters of one document in a piece of its own: the brackets of the list are two more. */
export const maxDocument = maxPieceContent - 2;

/** How many documents a piece holds on average. */
const SMALLEST = 16;
/** Pieces of one bundle on average at most: half of what there may be. */
const MOST = maxPieces / 2;

/** @param documents as `bare` gives them, none longer than `maxDocument` */
export function split(documents: readonly TorwachtDocument[]): readonly Piece[] {
  const titled = documents.map((document) => ({
    title: documentTitle(document),
    kind: document.kind,
    text: textOf(document),
  }));
  titled.sort((a, b) => (a.title < b.title ? -1 : 1));
  const average = averageOf(titled.length);
  const pieces: string[][] = [];
  let size = 0;
  let last: (typeof titled)[number] | undefined;
  for (const entry of titled) {
    const fits = size + entry.text.length + 1 <= maxDocument;
    if (last?.kind !== entry.kind || beginsPiece(entry.title, average) || !fits) {
      pieces.push([]);
      size = 0;
    }
    pieces.at(-1)?.push(entry.text);
    size += entry.text.length + 1;
    last = entry;
  }
  return pieces.map((texts) => {
    const content = `[${texts.join(',')}]`;
    return { digest: sha256(content), content };
  });
}

/** Documents do not change, and most stand in the next bundle too. */
const texts = new WeakMap<TorwachtDocument, string>();

export function textOf(document: TorwachtDocument): string {
  const known = texts.get(document);
  if (known !== undefined) return known;
  const text = canonical(document);
  texts.set(document, text);
  return text;
}

function averageOf(count: number): number {
  let average = SMALLEST;
  while (count / average > MOST) average *= 4;
  return average;
}

function beginsPiece(title: string, average: number): boolean {
  return Number.parseInt(sha256(title).slice(0, 8), 16) % average === 0;
}
