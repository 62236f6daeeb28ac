/** What gets messages. */
import type { Answer } from '#delivery/answer.ts';
import type { Message } from '../message.ts';

export interface AlertReceiver {
  /** Rejects where it cannot be reached; no error tells a secret. */
  deliver(message: Message, signal: AbortSignal): Promise<Answer>;
  close(): void;
}

/** Reads a key of the binding's; see `SecretKeys`. */
export type ReadKey = (key: string) => Promise<string>;
