/** Stands before the server: who may send, and whether there is room. Asked before a batch is read. */
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import type { Gate } from './gate.ts';
import type { Tokens, Verdict } from './tokens.ts';

type Refusal = Pick<StatusObject, 'code' | 'details' | 'metadata'>;

export interface Admitted {
  /** The node whose agent it is. */
  readonly node: string;
  /** Lets it out: once, by whoever is last with it. */
  readonly leave: () => void;
}

export interface GuardParts {
  readonly tokens: Tokens;
  readonly gate: Gate;
  leads(): boolean;
  readonly refused?: (code: status) => void;
}

/** Trailing metadata: another replica takes it. */
const LEADS = 'torwacht-leads';

export const notLeading = (): Refusal =>
  refusal(status.UNAVAILABLE, 'this replica does not lead', { [LEADS]: 'false' });

export const tooMuch = (what: string, seconds = 1): Refusal =>
  refusal(status.RESOURCE_EXHAUSTED, what, { 'retry-after': String(seconds) });

export function refusal(
  code: status,
  details: string,
  trailer: Readonly<Record<string, string>> = {},
): Refusal {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailer)) metadata.set(key, value);
  return { code, details, metadata };
}

export class Guard {
  readonly #parts: GuardParts;
  /** By the metadata of a call that was let in. */
  readonly #admitted = new WeakMap<Metadata, Admitted>();

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** Whom it has let in by this metadata; from now on the one who asks lets it out. */
  take(metadata: Metadata): Admitted | undefined {
    const admitted = this.#admitted.get(metadata);
    this.#admitted.delete(metadata);
    return admitted;
  }

  readonly interceptor: ServerInterceptor = (_, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        let headers: Metadata | undefined;
        let isOver = false;
        next({
          onReceiveMetadata: (metadata, go) => {
            headers = metadata;
            void this.#admit(metadata, call.getPeer()).then((answer) => {
              if (!('leave' in answer)) {
                this.#parts.refused?.(answer.code);
                call.sendStatus(answer);
              } else if (isOver) answer.leave();
              else {
                this.#admitted.set(metadata, answer);
                go(metadata);
              }
            });
          },
          onCancel: () => {
            isOver = true;
            if (headers !== undefined) this.take(headers)?.leave();
          },
        });
      },
    });

  async #admit(metadata: Metadata, peer: string): Promise<Admitted | Refusal> {
    const { gate, leads } = this.#parts;
    if (!leads()) return notLeading();
    const verdict = await this.#verdictOn(metadata, peer);
    if (!('kind' in verdict)) return verdict;
    if (verdict.kind === 'unknown') return refusal(status.UNAUTHENTICATED, verdict.why);
    if (verdict.kind !== 'agent') return refusal(status.PERMISSION_DENIED, verdict.why);
    const { node } = verdict;
    const leave = gate.enter(node);
    return leave === undefined ? tooMuch('others send at this moment') : { node, leave };
  }

  async #verdictOn(metadata: Metadata, peer: string): Promise<Verdict | Refusal> {
    const { tokens, gate } = this.#parts;
    const [header = ''] = metadata.get('authorization');
    const token = /^Bearer ([\w.~+/=-]{1,8192})$/.exec(header.toString())?.[1];
    if (token === undefined) return refusal(status.UNAUTHENTICATED, 'there is no token');
    const known = tokens.known(token);
    if (known !== undefined) return known;
    try {
      const address = peer.slice(0, peer.lastIndexOf(':'));
      const asked = gate.reviewing(address, () => tokens.ask(token));
      return (await asked) ?? tooMuch('too many tokens come from there', 5);
    } catch {
      return refusal(status.UNAVAILABLE, 'the API server cannot be asked about the token');
    }
  }
}
