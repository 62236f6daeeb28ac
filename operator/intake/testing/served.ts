/** An intake on loopback, over TLS, with tokens that a script knows. */
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { EgressEvent } from '#api/event.ts';
import { IntakeClient, type Row, type Taken } from '#api/gen/intake.ts';
import { issueAuthority, issueLeaf } from '#kube/certificates/issue.ts';
import { systemClock } from '#kube/index.ts';
import { rowOf } from '../../violations/testing/rows.ts';
import { defaultIntakeLimits, type IntakeLimits } from '../gate.ts';
import { Intake, type IntakeParts } from '../intake.ts';
import { serveIntake } from '../server.ts';
import type { EventSink } from '../sink.ts';
import { AUDIENCE, type Review, Tokens } from '../tokens.ts';

export const ACCOUNT = 'system:serviceaccount:torwacht:torwacht-agent';
export const SERVER = 'torwacht-operator.torwacht.svc';

const lifetime = () => ({ now: Date.now(), lasts: 3600_000 });

export const authority = await issueAuthority('test', lifetime());
export const leaf = () => issueLeaf(authority, [SERVER], lifetime());

/** What the API server says of a good token, of the agent on a node. */
export function reviewOf(node: string, change: Partial<Review> = {}): Review {
  const extra = { 'authentication.kubernetes.io/node-name': [node] };
  return {
    ...{ authenticated: true, audiences: [AUDIENCE], user: { username: ACCOUNT, extra } },
    ...change,
  };
}

export interface ServedOptions extends Partial<Pick<IntakeParts, 'leads' | 'fault'>> {
  readonly sinks: readonly EventSink[];
  /** By token; one that is not there is no good one. */
  readonly reviews?: Readonly<Record<string, Review>>;
  readonly limits?: Partial<IntakeLimits>;
  readonly port?: number;
  readonly idle?: number;
  /** Rejects: the API server does not answer. */
  readonly asked?: (token: string) => void;
}

export async function serve(options: ServedOptions) {
  const { reviews = { good: reviewOf('n1') }, asked, sinks, leads = () => true, fault } = options;
  const tokens = new Tokens({
    async review(token) {
      asked?.(token);
      return reviews[token] ?? { authenticated: false };
    },
    clock: systemClock,
    account: ACCOUNT,
  });
  const intake = new Intake({
    ...{ tokens, sinks, leads, clock: systemClock },
    limits: { ...defaultIntakeLimits, ...options.limits },
    ...(fault && { fault }),
  });
  const { port = 0, idle } = options;
  const server = await serveIntake(intake, {
    ...{ address: '127.0.0.1', port, pair: await leaf() },
    ...(idle !== undefined && { idle }),
  });
  return { intake, server };
}

export type Outcome =
  | { readonly status: 'OK'; readonly taken: Taken }
  | { readonly status: string; readonly details: string; readonly trailer: Metadata };

export interface Sent {
  readonly node?: string;
  readonly instance?: string;
  /** Numbers of rows that all hold `event`, which may be a text that is none. */
  readonly seqs?: readonly number[];
  readonly event?: unknown;
  /** Or these, numbered from `from` on. */
  readonly rows?: readonly EgressEvent[];
  readonly from?: number;
}

function rowsOf({ rows, from = 1, seqs = [1], event = rowOf() }: Sent): Row[] {
  const bytes = (one: unknown) => Buffer.from(typeof one === 'string' ? one : JSON.stringify(one));
  if (rows !== undefined)
    return rows.map((row, at) => ({ seq: BigInt(from + at), event: bytes(row) }));
  return seqs.map((seq) => ({ seq: BigInt(seq), event: bytes(event) }));
}

/** Sends as whoever holds a token; `ca`: whom it trusts. */
export function caller(port: number, { ca = authority.certificate, name = SERVER } = {}) {
  const client = new IntakeClient(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(ca)), {
    'grpc.ssl_target_name_override': name,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  const send = (token: string | undefined, { node = 'n1', instance = 'a', ...sent }: Sent = {}) => {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const rows = rowsOf(sent);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const done = (error: ServiceError | null, taken: Taken) => {
      if (error === null) resolve({ status: 'OK', taken });
      else {
        const { code, details, metadata: trailer } = error;
        resolve({ status: status[code], details, trailer });
      }
    };
    const running = client.deliver(
      { node, instance, rows },
      metadata,
      { deadline: Date.now() + 60_000 },
      done,
    );
    return { outcome: promise, cancel: () => running.cancel() };
  };
  return { send, close: () => client.close() };
}
