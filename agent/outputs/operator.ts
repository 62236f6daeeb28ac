/**
 * The operator, over gRPC: whom it trusts and where it is stands in a folder that the kubelet keeps, and so does the
 * token by which the operator knows on which node this agent is.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { asciiJson } from '#api/escape.ts';
import { IntakeClient, type Taken } from '#api/gen/intake.ts';
import type { Answer } from '#delivery/answer.ts';
import { retryAfter } from '#delivery/back-off.ts';
import type { Batch, Receiver } from './output.ts';

export interface OperatorOptions {
  /**
   * With `address` (host:port), `server-name` (what its certificate must say), `ca.crt` and `token`. All are read for
   * each batch, so that they can be replaced.
   */
  readonly folder: string;
  /** The node of this agent. */
  readonly node: string;
  readonly userAgent: string;
  /** ms; longer than the operator takes to write what it has taken. */
  readonly deadline?: number;
}

interface Place {
  readonly address: string;
  readonly serverName: string;
  readonly ca: Buffer;
}

interface Connection {
  /** Of the place. */
  readonly key: string;
  readonly client: IntakeClient;
}

/**
 * One replica leads, and a connection leads to any: with two of them, so many tries are enough but for one time in
 * sixty, and then it is tried again later.
 */
const TRIES = 6;

export class Operator implements Receiver {
  readonly #options: OperatorOptions;
  #connection: Connection | undefined;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  async deliver(batch: Batch, signal: AbortSignal): Promise<Answer> {
    const place = await this.#place();
    for (let tries = 0; tries < TRIES && !signal.aborted; tries++) {
      const answer = await this.#send(place, batch, signal);
      if (answer !== 'elsewhere') return answer;
      this.close();
    }
    return { kind: 'later', why: 'none of the replicas that were reached leads' };
  }

  close(): void {
    this.#connection?.client.close();
    this.#connection = undefined;
  }

  async #send(place: Place, batch: Batch, signal: AbortSignal): Promise<Answer | 'elsewhere'> {
    const { node, folder, deadline = 60_000 } = this.#options;
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${await readText(folder, 'token')}`);
    const rows = batch.events.map(({ seq, event }) => ({
      seq: BigInt(seq),
      event: Buffer.from(asciiJson(event)),
    }));
    const request = { node, instance: batch.instance, rows };
    const until = { deadline: Date.now() + deadline };
    const client = this.#connect(place);
    try {
      const { refused, why } = await call(signal, (done) =>
        client.deliver(request, metadata, until, done),
      );
      return { kind: 'taken', refused, why };
    } catch (error) {
      return this.#judge(error as ServiceError);
    }
  }

  #judge({ code, details, metadata }: ServiceError): Answer | 'elsewhere' {
    const why = `it answers ${status[code] ?? code}: ${details}`;
    if (code === status.INVALID_ARGUMENT) return { kind: 'refused', why };
    if (metadata?.get('torwacht-leads')[0] === 'false') return 'elsewhere';
    if (code === status.RESOURCE_EXHAUSTED) {
      const asked = metadata?.get('retry-after')[0]?.toString();
      // Without it, it was not the operator that said so: the batch is too large for the way there.
      if (asked === undefined) return { kind: 'refused', why };
      return { kind: 'later', why, after: retryAfter(asked, Date.now()) };
    }
    // Another connection may lead to one that answers.
    if (code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED) this.close();
    return { kind: 'later', why };
  }

  async #place(): Promise<Place> {
    const { folder } = this.#options;
    const [address, serverName, ca] = await Promise.all([
      readText(folder, 'address'),
      readText(folder, 'server-name'),
      readFile(join(folder, 'ca.crt')),
    ]);
    return { address, serverName, ca };
  }

  #connect({ address, serverName, ca }: Place): IntakeClient {
    const key = `${address} ${serverName} ${ca.toString('latin1')}`;
    if (this.#connection?.key === key) return this.#connection.client;
    this.close();
    const client = new IntakeClient(address, credentials.createSsl(ca), {
      'grpc.ssl_target_name_override': serverName,
      'grpc.default_authority': serverName,
      'grpc.primary_user_agent': this.#options.userAgent,
      // A proxy of the node's has no business here, and another connection shall be another one.
      'grpc.enable_http_proxy': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
    });
    this.#connection = { key, client };
    return client;
  }
}

async function readText(folder: string, name: string): Promise<string> {
  return (await readFile(join(folder, name), 'utf8')).trim();
}

function call(
  signal: AbortSignal,
  start: (done: (error: ServiceError | null, value: Taken) => void) => ClientUnaryCall,
): Promise<Taken> {
  return new Promise((resolve, reject) => {
    const cancel = () => running.cancel();
    const running = start((error, value) => {
      signal.removeEventListener('abort', cancel);
      if (error === null) resolve(value);
      else reject(error);
    });
    signal.addEventListener('abort', cancel);
    if (signal.aborted) cancel();
  });
}
