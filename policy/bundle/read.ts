/**
 * From a head and its pieces back to documents. All or nothing: a bundle with one wrong byte is an error, and
 * whoever holds the last one keeps it.
 */
import type { TorwachtDocument } from '#api/documents.ts';
import { failure } from '#api/error.ts';
import type { BundleHead } from '#api/policy-bundle.ts';
import { checkDocument } from '../check-document.ts';
import { fieldName } from '../problem.ts';
import { headDigest, sha256 } from './content.ts';
import { errors } from './errors.ts';

/**
 * The documents of one piece, checked as those of a file are.
 *
 * @throws TW_BUNDLE_DIGEST, TW_BUNDLE_CONTENT
 */
export function readPiece(digest: string, content: string): readonly TorwachtDocument[] {
  if (sha256(content) !== digest) throw failure(errors.digest, { what: 'piece', name: digest });
  const unusable = (why: string, cause?: unknown) =>
    failure(errors.content, { name: digest, why }, cause);
  let values: unknown;
  try {
    values = JSON.parse(content);
  } catch (cause) {
    throw unusable('it is no JSON', cause);
  }
  if (!Array.isArray(values)) throw unusable('it is no list');
  return values.map((value: unknown, index) => {
    const { document, problems } = checkDocument(value);
    if (document !== null) return document;
    const [problem] = problems;
    const field = fieldName([index, ...(problem?.path ?? [])]);
    throw unusable(`${field} ${problem?.message ?? 'is wrong'}`);
  });
}

/**
 * All documents of a bundle, its binding among them.
 *
 * @param piece the documents of a piece, by its digest, as `readPiece` gave them
 * @throws TW_BUNDLE_DIGEST, TW_BUNDLE_MISSING
 */
export function readBundle(
  head: Pick<BundleHead, 'digest' | 'pieces'>,
  piece: (digest: string) => readonly TorwachtDocument[] | undefined,
): readonly TorwachtDocument[] {
  if (headDigest(head.pieces) !== head.digest) {
    throw failure(errors.digest, { what: 'head', name: head.digest });
  }
  return head.pieces.flatMap((digest) => {
    const documents = piece(digest);
    if (documents === undefined) throw failure(errors.missing, { name: digest });
    return documents;
  });
}
