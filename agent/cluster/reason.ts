/** An error as a status says it: one word for programs, a sentence for people. */
import { TorwachtError } from '#api/error.ts';

export interface Problem {
  readonly reason: string;
  readonly message: string;
}

const reasons: Readonly<Record<string, string>> = {
  TW_BUNDLE_DIGEST: 'DigestMismatch',
  TW_BUNDLE_MISSING: 'PieceMissing',
  TW_BUNDLE_CONTENT: 'ContentUnknown',
  TW_AGENT_HEAD_MISSING: 'HeadMissing',
  TW_AGENT_HEAD_OF_ANOTHER: 'HeadOfAnother',
  TW_AGENT_NO_BINDING: 'BindingMissing',
  TW_AGENT_PIECE_UNREAD: 'PieceUnread',
  TW_AGENT_BUNDLES_TOO_LARGE: 'TooLarge',
  TW_AGENT_STATE: 'DiskRefused',
  TW_AGENT_STATE_DAMAGED: 'DiskDamaged',
};

/** The schema's limit. */
const LONGEST = 1024;

export function problemOf(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  const reason = error instanceof TorwachtError ? reasons[error.code] : undefined;
  return { reason: reason ?? 'InternalError', message: message.slice(0, LONGEST) };
}
