/** Where the content of a piece comes from: the head brings it along, or the API server is asked. */
import { failure } from '#api/error.ts';
import type { BundleHead } from '#api/policy-bundle.ts';
import { type Client, isKubeError } from '#kube/index.ts';
import { sha256 } from '#policy/bundle/content.ts';
import { errors as bundleErrors } from '#policy/bundle/errors.ts';
import { unpack } from '#policy/bundle/packed.ts';
import { errors } from './errors.ts';
import { type BundleObject, policyBundles } from './resources.ts';

/** A head, as it was seen in the API at some version. */
export interface SeenHead extends Pick<BundleHead, 'pieces' | 'brings'> {
  readonly resourceVersion: string | undefined;
}

/**
 * What was asked for is still to be verified.
 *
 * @throws TW_BUNDLE_MISSING, TW_AGENT_PIECE_UNREAD (rejects)
 */
export async function contentOf(
  client: Client,
  name: string,
  head: SeenHead,
  signal: AbortSignal,
): Promise<string> {
  const brought = broughtBy(head, name);
  if (brought !== undefined) return brought;
  try {
    const { spec } = await read(client, name, head, signal);
    if (spec.piece !== undefined) return spec.piece.content;
  } catch (cause) {
    if (!isKubeError(cause, 'KUBE_NOT_FOUND')) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw failure(errors.pieceUnread, { name, why }, cause);
    }
  }
  throw failure(bundleErrors.missing, { name });
}

/** What is not what its digest says counts for nothing: the object of the piece may still be. */
function broughtBy({ brings }: SeenHead, wanted: string): string | undefined {
  const found = brings?.find(({ digest }) => digest === wanted);
  const content = found && unpack(found.packed);
  return content !== undefined && sha256(content) === wanted ? content : undefined;
}

/**
 * A piece is older than the head that names it, so what an API server has in memory up to that head is
 * enough, and costs it a fraction. One that cannot say is asked for the newest, which it reads from etcd.
 */
async function read(
  client: Client,
  name: string,
  { resourceVersion }: SeenHead,
  signal: AbortSignal,
): Promise<BundleObject> {
  if (resourceVersion !== undefined) {
    try {
      return await client.get(policyBundles, { name }, { signal, resourceVersion });
    } catch (error) {
      if (!isKubeError(error, 'KUBE_NOT_FOUND', 'KUBE_TIMEOUT')) throw error;
    }
  }
  return client.get(policyBundles, { name }, { signal });
}
